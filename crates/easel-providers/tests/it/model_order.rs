//! The model where the owner names none: the free list decides, then real requests, and only what they say of the model.

use easel_core::error::{ErrorClass, Retry};
use easel_providers::models;
use easel_testkit::provider::Answer;
use serde_json::json;

use crate::remote::Bench;

/// The models that were asked for by the paid requests.
fn asked(bench: &Bench) -> Vec<String> {
    bench.peer.requests().iter().filter_map(easel_testkit::provider::ProviderRequest::model).collect()
}

#[tokio::test]
async fn without_a_model_the_first_of_the_order_is_taken_that_the_service_lists() {
    let bench = Bench::new("openai_images", json!({ "model": "" })).await;
    bench.peer.set_models(&["gpt-5", "gpt-image-2.6-flare", "GPT-Image-2.5-Sunburst"]);
    bench.draws().await;
    bench.draws().await;
    assert_eq!(asked(&bench), ["gpt-image-2.5-sunburst"; 2]);
    assert_eq!(bench.provider.model(), "gpt-image-2.5-sunburst");
    assert_eq!(bench.peer.requests().len(), 3, "the list is asked for once");
    // An owner's model is taken as it is, and nothing is listed.
    let bench = Bench::new("openai_images", json!({ "model": "mine" })).await;
    bench.draws().await;
    assert_eq!((asked(&bench), bench.peer.requests().len()), (vec!["mine".to_owned()], 1));
}

#[tokio::test]
async fn without_a_list_the_order_is_walked_by_real_requests() {
    let bench = Bench::new("openai_images", json!({ "model": "" })).await;
    bench.peer.when_path("/models", Answer::status(404));
    let order = models::order(easel_providers::Kind::OpenAiImages);
    bench.peer.answers((0..order.len()).map(|_| Answer::model_not_found()));
    for (index, _) in order.iter().enumerate() {
        let error = bench.fails().await;
        assert_eq!(error.class, ErrorClass::NotFound);
        // The last one has nobody behind it.
        let last = index + 1 == order.len();
        assert_eq!(error.retry, if last { Retry::NextProvider } else { Retry::Corrected }, "{index}");
    }
    assert_eq!(asked(&bench), order);
    bench.draws().await;
    assert_eq!(asked(&bench).last().unwrap(), order.last().unwrap(), "what is gone is remembered");
}

#[tokio::test]
async fn a_wrong_address_says_nothing_about_models() {
    let bench = Bench::new("openai_images", json!({ "model": "" })).await;
    bench.peer.when_path("/models", Answer::status(404));
    let order = models::order(easel_providers::Kind::OpenAiImages);
    let answers = [
        Answer::raw(404, "text/plain", ""),
        Answer::raw(404, "text/html", "<html><title>404 Not Found</title></html>"),
        Answer::json(404, &json!({ "detail": "Not Found" })),
        Answer::route_missing(),
        Answer::raw(404, "text/plain", "404 page not found"),
        Answer::html(),
    ];
    let wrong = answers.len();
    bench.peer.answers(answers);
    for index in 0..wrong {
        let error = bench.fails().await;
        assert_eq!((error.class, error.retry), (ErrorClass::NotFound, Retry::NextProvider), "{index}");
        assert!(error.detail.contains("base_url"), "{index}: {error}");
    }
    assert_eq!(asked(&bench), vec![order[0]; wrong]);
    bench.peer.answer(Answer::model_not_found());
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    bench.draws().await;
    assert_eq!(asked(&bench).last().unwrap(), order[1]);
}
