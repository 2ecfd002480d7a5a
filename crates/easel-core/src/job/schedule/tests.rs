//! Who runs next, who waits, and who is refused.

use proptest::prelude::*;

use super::*;
use crate::testing::test_group as chat;

fn limits(running: usize, per_chat: usize, per_user: usize, waiting: usize) -> ScheduleLimits {
    ScheduleLimits {
        max_running: running,
        max_running_per_chat: per_chat,
        max_running_per_user: per_user,
        max_waiting: waiting,
    }
}

#[test]
fn chats_take_turns_whatever_the_length_of_their_queues() {
    let mut schedule = Schedule::new(limits(1, 1, 1, 200));
    let first = JobId::generate();
    assert_eq!(schedule.admit(first, Lane::Pictures, &chat("a"), &"u".into()), Ok(Admission::Start));
    let flood: Vec<_> = (0..10).map(|_| JobId::generate()).collect();
    for (n, job) in flood.iter().enumerate() {
        let user = format!("u{n}");
        assert_eq!(
            schedule.admit(*job, Lane::Pictures, &chat("a"), &user.into()),
            Ok(Admission::Wait { position: n + 1 })
        );
    }
    let other = JobId::generate();
    assert_eq!(
        schedule.admit(other, Lane::Pictures, &chat("b"), &"v".into()),
        Ok(Admission::Wait { position: 2 })
    );
    assert_eq!(schedule.remove(first), [flood[0]]);
    assert_eq!(schedule.position(other), Some(1));
    assert_eq!(schedule.remove(flood[0]), [other]);
    assert_eq!(schedule.remove(other), [flood[1]]);
}

#[test]
fn one_person_does_not_hold_up_the_chat() {
    let mut schedule = Schedule::new(limits(8, 2, 1, 200));
    let jobs: Vec<_> = (0..4).map(|_| JobId::generate()).collect();
    assert_eq!(schedule.admit(jobs[0], Lane::Pictures, &chat("a"), &"u".into()), Ok(Admission::Start));
    assert_eq!(
        schedule.admit(jobs[1], Lane::Pictures, &chat("a"), &"u".into()),
        Ok(Admission::Wait { position: 1 })
    );
    assert_eq!(schedule.admit(jobs[2], Lane::Pictures, &chat("a"), &"w".into()), Ok(Admission::Start));
    assert_eq!(
        schedule.admit(jobs[3], Lane::Pictures, &chat("a"), &"x".into()),
        Ok(Admission::Wait { position: 2 })
    );
    assert_eq!(schedule.remove(jobs[2]), [jobs[3]], "x may run beside u, whose second job waits");
    assert_eq!(schedule.remove(jobs[0]), [jobs[1]]);
}

#[test]
fn clips_have_their_own_places() {
    let mut schedule = Schedule::new(limits(4, 1, 1, 200));
    let mut admit = |lane, chat_id: &str, user: &str| {
        let job = JobId::generate();
        (job, schedule.admit(job, lane, &chat(chat_id), &user.into()))
    };
    let (first, admitted) = admit(Lane::Clips, "a", "u");
    assert_eq!(admitted, Ok(Admission::Start));
    assert_eq!(admit(Lane::Pictures, "a", "u").1, Ok(Admission::Start), "beside the clip");
    assert_eq!(admit(Lane::Clips, "b", "u").1, Err(QueueFull::Clip), "one per person, in whatever chat");
    let (second, admitted) = admit(Lane::Clips, "a", "v");
    assert_eq!(admitted, Ok(Admission::Wait { position: 1 }));
    assert_eq!(admit(Lane::Clips, "b", "v").1, Err(QueueFull::Clip), "a waiting one counts");
    assert_eq!(admit(Lane::Clips, "c", "w").1, Ok(Admission::Start));
    let (third, admitted) = admit(Lane::Clips, "d", "x");
    assert!(matches!(admitted, Ok(Admission::Wait { .. })), "half of the places");
    assert_eq!(admit(Lane::Pictures, "d", "y").1, Ok(Admission::Start), "the others are for pictures");
    assert_eq!(schedule.remove(first), [second]);
    assert_eq!(schedule.remove(second), [third]);
}

#[test]
fn who_waits_for_a_provider_leaves_its_place_to_other_chats() {
    let mut schedule = Schedule::new(limits(1, 1, 1, 4));
    let jobs: Vec<_> = (0..5).map(|_| JobId::generate()).collect();
    let admit = |schedule: &mut Schedule, job: usize, of: &str| {
        schedule.admit(jobs[job], Lane::Pictures, &chat(of), &of.into())
    };
    assert_eq!(admit(&mut schedule, 0, "a"), Ok(Admission::Start));
    assert_eq!(admit(&mut schedule, 1, "a"), Ok(Admission::Wait { position: 1 }));
    assert_eq!(admit(&mut schedule, 2, "b"), Ok(Admission::Wait { position: 2 }));
    assert_eq!(schedule.step_aside(jobs[0]), [jobs[2]], "its own chat has no further place");
    assert_eq!(schedule.step_aside(jobs[0]), [], "once is enough");
    assert_eq!((schedule.running(), schedule.waiting()), (1, 2));
    assert_eq!(admit(&mut schedule, 3, "c"), Ok(Admission::Wait { position: 2 }));
    assert_eq!(schedule.step_aside(jobs[2]), [jobs[3]]);
    // Whoever stepped aside counts as waiting: two aside, one in the queue.
    assert_eq!(admit(&mut schedule, 4, "d"), Ok(Admission::Wait { position: 2 }));
    let full = schedule.admit(JobId::generate(), Lane::Pictures, &chat("e"), &"e".into());
    assert_eq!(full, Err(QueueFull::Overall));
    schedule.step_back(jobs[0]);
    assert_eq!((schedule.running(), schedule.waiting()), (2, 3), "one more than places, for a while");
    assert_eq!(schedule.remove(jobs[0]), [], "there is none left");
    assert_eq!(schedule.remove(jobs[3]), [jobs[1]]);
    assert_eq!(schedule.remove(jobs[2]), [], "the end of one aside frees no place");
    assert_eq!(schedule.remove(jobs[1]), [jobs[4]]);
    assert_eq!(schedule.remove(jobs[4]), []);
    assert_eq!((schedule.running(), schedule.waiting()), (0, 0));
}

#[test]
fn a_provider_that_all_wait_for_does_not_lift_the_bounds() {
    let mut schedule = Schedule::new(limits(2, 9, 9, 8));
    let mut admit = |chat_id: &str, user: &str| {
        let job = JobId::generate();
        let admitted = schedule.admit(job, Lane::Pictures, &chat(chat_id), &user.into());
        // All places are free, and who takes one finds the provider busy.
        schedule.step_aside(job);
        admitted.err()
    };
    for user in ["u", "u"] {
        assert_eq!(admit("a", user), None);
    }
    assert_eq!(admit("a", "u"), Some(QueueFull::User { max: 2 }));
    assert_eq!(admit("b", "u"), Some(QueueFull::User { max: 2 }), "in whatever chat");
    for user in ["v", "w"] {
        assert_eq!(admit("a", user), None);
    }
    assert_eq!(admit("a", "x"), Some(QueueFull::Chat { max: 4 }));
    for user in ["v", "w", "x", "y"] {
        assert_eq!(admit("b", user), None);
    }
    assert_eq!(admit("c", "z"), Some(QueueFull::Overall));
    assert_eq!((schedule.running(), schedule.waiting()), (0, 8));
}

#[test]
fn nobody_fills_the_queue_alone() {
    let mut schedule = Schedule::new(limits(1, 1, 1, 40));
    let mut admit = |chat_id: &str, user: String| {
        schedule.admit(JobId::generate(), Lane::Pictures, &chat(chat_id), &user.into()).err()
    };
    assert_eq!(admit("a", "u".into()), None);
    for _ in 0..4 {
        assert_eq!(admit("a", "u".into()), None);
    }
    assert_eq!(admit("a", "u".into()), Some(QueueFull::User { max: 4 }));
    for n in 0..6 {
        assert_eq!(admit("a", format!("v{n}")), None);
    }
    assert_eq!(admit("a", "z".into()), Some(QueueFull::Chat { max: 10 }));
    for n in 0..30 {
        assert_eq!(admit(&format!("c{n}"), format!("w{n}")), None);
    }
    assert_eq!(admit("d", "x".into()), Some(QueueFull::Overall));
}

#[test]
fn an_account_that_is_away_fills_the_queue_for_nobody_else() {
    let mut schedule = Schedule::new(limits(1, 1, 1, 6));
    let away = |n: usize| Chat { account: "2".into(), ..chat(&format!("a{n}")) };
    let jobs: Vec<_> = (0..6).map(|_| JobId::generate()).collect();
    for (n, job) in jobs.iter().enumerate() {
        let user = format!("u{n}");
        let admitted = schedule.admit(*job, Lane::Pictures, &away(n), &user.into());
        assert_eq!(admitted, Ok(Admission::Start), "the one before left its place");
        assert!(schedule.park(*job).is_empty());
    }
    let mut admit = |chat: &Chat| schedule.admit(JobId::generate(), Lane::Pictures, chat, &"v".into());
    assert_eq!(admit(&away(6)), Err(QueueFull::Overall));
    assert_eq!(admit(&chat("b")), Ok(Admission::Start));
    assert_eq!(admit(&chat("b")), Ok(Admission::Wait { position: 1 }));
    assert_eq!((schedule.running(), schedule.waiting()), (1, 7));
    // Back in line, behind those who are there.
    assert_eq!(schedule.unpark(jobs[0]), Admission::Wait { position: 2 });
    assert!(schedule.remove(jobs[1]).is_empty());
    assert_eq!(schedule.waiting(), 6);
}

#[test]
fn nobody_is_refused_a_free_place_because_of_an_account_that_is_away() {
    let mut schedule = Schedule::new(limits(4, 9, 1, 2));
    let away = Chat { account: "2".into(), ..chat("a") };
    let parked = JobId::generate();
    assert_eq!(schedule.admit(parked, Lane::Pictures, &away, &"p".into()), Ok(Admission::Start));
    assert!(schedule.park(parked).is_empty());
    let mut admit =
        |of: &Chat, user: &str| schedule.admit(JobId::generate(), Lane::Pictures, of, &user.into());
    assert_eq!(admit(&chat("b"), "u"), Ok(Admission::Start));
    // They wait for their person's own place, and two are all that may wait.
    for position in [1, 2] {
        assert_eq!(admit(&chat("b"), "u"), Ok(Admission::Wait { position }));
    }
    assert_eq!(admit(&chat("c"), "v"), Ok(Admission::Start), "two places are free");
    assert_eq!(admit(&away, "w"), Err(QueueFull::Overall), "it would wait where the other does");
}

#[test]
fn what_lingers_leaves_less_room_to_its_own_account() {
    let mut schedule = Schedule::new(limits(2, 9, 9, 2));
    let jobs: Vec<_> = (0..2).map(|_| JobId::generate()).collect();
    for job in &jobs {
        assert_eq!(
            schedule.admit(*job, Lane::Clips, &chat("a"), &format!("{job}").into()),
            Ok(Admission::Start)
        );
        assert!(schedule.linger(*job, &chat("a"), &format!("{job}").into()).is_empty());
    }
    assert_eq!((schedule.running(), schedule.waiting()), (0, 0), "they wait for nothing here");
    let mut admit = |of: &Chat| schedule.admit(JobId::generate(), Lane::Pictures, of, &"u".into());
    assert_eq!(admit(&chat("b")), Err(QueueFull::Overall));
    assert_eq!(admit(&Chat { account: "2".into(), ..chat("b") }), Ok(Admission::Start));
    schedule.remove(jobs[0]);
    let admitted = schedule.admit(JobId::generate(), Lane::Pictures, &chat("b"), &"v".into());
    assert_eq!(admitted, Ok(Admission::Start));
}

proptest! {
    #[test]
    fn limits_hold_and_every_job_starts_once(
        jobs in prop::collection::vec((0u8..4, 0u8..6, any::<bool>()), 1..60),
        running in 1usize..5, per_chat in 1usize..3, per_user in 1usize..3,
    ) {
        let mut schedule = Schedule::new(limits(running, per_chat, per_user, 1000));
        let mut active: Vec<(JobId, u8, u8, Lane)> = Vec::new();
        let mut all = HashMap::new();
        let mut started = 0;
        let mut admitted = 0;
        for (c, u, clip) in &jobs {
            let job = JobId::generate();
            let lane = if *clip { Lane::Clips } else { Lane::Pictures };
            all.insert(job, (*c, *u, lane));
            match schedule.admit(job, lane, &chat(&c.to_string()), &u.to_string().into()) {
                Ok(Admission::Start) => { active.push((job, *c, *u, lane)); started += 1; admitted += 1; }
                Ok(Admission::Wait { position }) => {
                    prop_assert_eq!(schedule.position(job), Some(position));
                    admitted += 1;
                }
                Err(_) => {}
            }
            for (chat, queue) in &schedule.queues {
                prop_assert!(!queue.iter().any(|waiting| schedule.may_run(waiting.lane, chat, &waiting.user)));
            }
        }
        loop {
            // A single place is one for each lane.
            prop_assert!(active.len() <= running.max(2));
            prop_assert!(active.iter().filter(|(.., lane)| *lane == Lane::Pictures).count() <= running);
            let clips = active.iter().filter(|(.., lane)| *lane == Lane::Clips).count();
            prop_assert!(clips <= (running / 2).max(1));
            for (_, c, u, lane) in &active {
                let of_lane = || active.iter().filter(|job| job.3 == *lane);
                let per_user = if *lane == Lane::Clips { 1 } else { per_user };
                prop_assert!(of_lane().filter(|job| job.1 == *c).count() <= per_chat);
                prop_assert!(of_lane().filter(|job| job.2 == *u).count() <= per_user);
            }
            let Some((job, ..)) = active.pop() else { break };
            for next in schedule.remove(job) {
                let (c, u, lane) = all[&next];
                active.push((next, c, u, lane));
                started += 1;
            }
        }
        prop_assert_eq!(started, admitted);
        prop_assert_eq!((schedule.waiting(), schedule.running()), (0, 0));
    }
}
