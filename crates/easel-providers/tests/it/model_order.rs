//! The model where the owner names none: the free list decides, then real requests, and only what they say of the model.

use easel_core::{
    error::{Charged, ErrorClass, Retry},
    media::PictureFormat,
    ports::Unfit,
};
use easel_providers::models;
use easel_testkit::{pictures, provider::Answer};
use serde_json::json;

use crate::remote::{Bench, edit};

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

#[tokio::test]
async fn a_list_without_the_order_names_what_it_has() {
    let bench = Bench::new("openai_images", json!({ "model": "" })).await;
    let listed = json!({ "data": [{ "object": "model" }, { "id": "gpt-5" }, { "id": "dall-e-3" }, { "id": "flux-pro" }] });
    bench.peer.when_path("/models", Answer::json(200, &listed));
    bench.peer.answers([Answer::draws(), Answer::model_not_found()]);
    bench.draws().await;
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    bench.draws().await;
    let order = models::order(easel_providers::Kind::OpenAiImages);
    assert_eq!(asked(&bench), ["flux-pro", "flux-pro", order[0]], "services have more than they list");
}

/// The free questions, as they were asked.
fn questions(bench: &Bench) -> Vec<String> {
    let requests = bench.peer.requests();
    let gets = requests.iter().filter(|request| request.http.method == "GET");
    gets.map(|request| format!("{}?{}", request.http.path, request.http.query)).collect()
}

#[tokio::test]
async fn every_kind_is_asked_where_its_list_is() {
    let check = async |kind: &str, list: serde_json::Value, question: &str, model: &str| {
        let bench = Bench::new(kind, json!({ "model": "" })).await;
        let end = question.split_once('?').unwrap().0;
        bench.peer.when_path(end, Answer::json(200, &list));
        bench.peer.answer(Answer::server_error());
        bench.fails().await;
        assert_eq!(
            (&questions(&bench)[..], bench.provider.model()),
            (&[question.to_owned()][..], model),
            "{kind}"
        );
    };
    let named = json!({ "models": [{}, { "name": "models/gemini-3.1-flash-image" }] });
    check("gemini_native", named, "/v1beta/models?pageSize=1000", "gemini-3.1-flash-image").await;
    let listed = json!({ "data": [{ "id": "openai/gpt-image-2" }] });
    check("openrouter_images", listed.clone(), "/v1/images/models?", "openai/gpt-image-2").await;
    check(
        "siliconflow",
        json!({ "data": [{ "id": "Kwai-Kolors/Kolors" }] }),
        "/v1/models?",
        "Kwai-Kolors/Kolors",
    )
    .await;
}

#[tokio::test]
async fn an_address_that_is_used_as_it_stands_is_asked_for_no_list() {
    let bench = Bench::new("openai_images", json!({ "model": "", "full_url": true })).await;
    bench.draws().await;
    assert_eq!(questions(&bench), [""; 0]);
    assert_eq!(asked(&bench), [models::order(easel_providers::Kind::OpenAiImages)[0]]);
}

#[tokio::test]
async fn a_model_that_takes_no_pictures_is_not_asked_to_edit() {
    let bench = Bench::new("openai_images", json!({ "model": "" })).await;
    bench.peer.set_models(&["dall-e-3"]);
    let request = edit(&[(PictureFormat::Png, pictures::png(20, 20, 1))]);
    // The first of the order could; the service has it not, which a free question tells before an attempt is made.
    assert_eq!(bench.provider.refuses(&request), None);
    bench.provider.preparation(&bench.cx).expect("a question").await;
    assert!(bench.provider.preparation(&bench.cx).is_none(), "once a day");
    assert_eq!(bench.provider.refuses(&request), Some(Unfit::TooManyReferences { max: 0 }));
    // So it is where the model changes after that.
    let error = bench.ask(&request).await.unwrap_err();
    assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, Retry::NextProvider), "{error}");
    assert!(error.unasked, "{error}");
    assert_eq!(asked(&bench), [""; 0], "nothing was drawn without the picture");
    assert!(!bench.provider.capabilities().edit, "the next one is not even sent here");
    bench.draws().await;
    assert_eq!(asked(&bench), ["dall-e-3"]);
}

#[tokio::test]
async fn a_task_that_fails_for_its_model_moves_on() {
    let order = models::order(easel_providers::Kind::ModelScope);
    let bench = Bench::new("modelscope", json!({ "model": "", "extra": { "poll_seconds": 0.05 } })).await;
    bench.peer.when_path("/models", Answer::status(404));
    let created = || Answer::json(200, &json!({ "task_id": "t-1" }));
    let failed =
        |error| Answer::json(200, &json!({ "task_id": "t-1", "task_status": "FAILED", "errors": error }));
    // What has to do with something else moves nothing.
    let stopped = json!({ "code": 500, "message": "engine stopped" });
    let gone = json!({ "code": "model_not_found", "message": "the model does not exist" });
    bench.peer.answers([created(), failed(stopped), created(), failed(gone)]);
    assert_eq!(bench.fails().await.retry, Retry::NextProvider);
    assert_eq!(bench.provider.model(), order[0]);
    let error = bench.fails().await;
    assert_eq!(
        (error.class, error.retry, error.charged),
        (ErrorClass::NotFound, Retry::Corrected, Charged::No)
    );
    assert_eq!(bench.provider.model(), order[1]);
    assert_eq!(asked(&bench), [order[0]; 2]);
}
