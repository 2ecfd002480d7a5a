//! What may go wrong while a task is asked about. The order stands, so whatever happens it is made once.

use easel_testkit::provider::Answer;

use super::{Bench, Wire, each, result, ways};

/// A question's answer that says nothing about the task.
struct Disturbance {
    name: &'static str,
    answer: fn() -> Answer,
}

const DISTURBANCES: [Disturbance; 5] = [
    Disturbance { name: "502", answer: || Answer::status(502) },
    Disturbance { name: "a page", answer: Answer::bad_gateway_html },
    Disturbance { name: "broken off", answer: || Answer::draws().cut() },
    Disturbance { name: "no answer", answer: Answer::reset },
    Disturbance { name: "too many questions", answer: || Answer::status(429) },
];

/// The result comes, and was ordered once, where the answers of a success are changed so.
async fn arrives(wire: &Wire, name: &str, change: impl FnOnce(&mut Vec<Answer>)) {
    let bench = Bench::new(wire).await;
    let one = result(wire, 1);
    let mut answers = (wire.success)(&bench.peer, &ways(&bench, &one)[..1]);
    change(&mut answers);
    bench.queue(answers);
    let made = bench.ask(&bench.words("一只猫")).await;
    assert_eq!(made.unwrap_or_else(|error| panic!("{}, {name}: {error:?}", wire.kind)), [one]);
    assert_eq!(bench.creates().len(), 1, "{}, {name}: ordered again", wire.kind);
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again_and_nothing_is_ordered_again() {
    for Disturbance { name, answer } in DISTURBANCES {
        each(move |wire| async move {
            if wire.tasks {
                arrives(&wire, name, |answers| answers.insert(1, answer())).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_slow_question_is_awaited() {
    each(|wire| async move {
        if !wire.tasks {
            return;
        }
        let bench = Bench::new(&wire).await;
        let one = result(&wire, 1);
        let mut answers = (wire.success)(&bench.peer, &ways(&bench, &one)[..1]);
        answers[1] = answers[1].clone().held();
        bench.queue(answers);
        let request = bench.words("一只猫");
        let (made, ()) = tokio::join!(bench.ask(&request), async {
            bench.peer.next_request().await;
            bench.peer.next_request().await;
            bench.peer.release();
        });
        assert_eq!(made.unwrap(), [one], "{}", wire.kind);
        assert_eq!(bench.creates().len(), 1, "{}", wire.kind);
    })
    .await;
}
