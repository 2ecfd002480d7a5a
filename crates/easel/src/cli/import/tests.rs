//! Every shape of a configuration, as data: what it comes to and what is told.
#![expect(clippy::needless_pass_by_value, reason = "the tables are easier to read without references")]

use easel_core::i18n::Locale;
use serde_json::{Value as Json, json};

use super::*;

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../../tests/astrbot/", $name, ".json"))
    };
}

/// Every source document's example, and the newer versions of the multi-service plug-in.
const SAMPLES: [(&str, &str); 6] = [
    ("openai_image", sample!("openai_image")),
    ("siliconflow", sample!("siliconflow")),
    ("openrouter", sample!("openrouter")),
    ("aiimg_v3", sample!("aiimg_v3")),
    ("aiimg_v5", sample!("aiimg_v5")),
    ("skill_settings", sample!("skill_settings")),
];

fn plan(text: &str) -> Plan {
    read(text.as_bytes()).unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// The written file, read again.
fn written(plan: &Plan) -> Json {
    let text = write::write(plan, "old.json", &Speech::new(Locale::ZhCn));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Imports `old` and compares the parts of the new file that `expected` names.
#[track_caller]
fn check(old: Json, expected: Json) {
    let new = written(&plan(&old.to_string()));
    for (section, keys) in expected.as_object().unwrap() {
        assert_eq!(&new[section], keys, "[{section}] of {new:#}");
    }
}

/// Imports `old` and looks for a key that was skipped for this reason.
#[track_caller]
fn skips(old: Json, key: &str, why: &str) {
    let plan = plan(&old.to_string());
    let told: Vec<_> =
        plan.skipped.iter().map(|skipped| (skipped.old.as_str(), skipped.why.key.as_str())).collect();
    assert!(told.contains(&(key, why)), "{told:#?}");
}

#[track_caller]
fn refuses(bytes: &[u8], key: &str) {
    assert_eq!(read(bytes).unwrap_err().key, key);
}

#[test]
fn the_openai_plugin_in_its_shapes() {
    let providers = |kind: &str, base: &str| {
        json!({"main": {"kind": kind, "base_url": base, "api_keys": ["k1", "k2"], "model": "gpt-image-2",
            "max_retry_attempts": 3}})
    };
    for keys in
        [json!(["k1", "k2"]), json!("k1,k2"), json!(" k1 \nk2 "), json!(["k1", "your-api-key", "k2", "k1"])]
    {
        check(
            json!({"openai_api_key": keys, "model_name": "gpt-image-2", "max_retry_attempts": "3"}),
            json!({"providers": providers("openai_images", "https://api.openai.com"), "draw": {"provider": "main"}}),
        );
    }
    let with = |format: &str, base: &str| {
        json!({"openai_api_key": ["k1", "k2"], "openai_api_base": base, "model_name": "gpt-image-2",
            "max_retry_attempts": 3, "api_format": format})
    };
    let gateway = "https://gateway.example";
    check(with("openai", gateway), json!({"providers": providers("openai_chat", gateway)}));
    check(with("gemini", gateway), json!({"providers": providers("gemini_native", gateway)}));
    check(with("", gateway), json!({"providers": providers("openai_images", gateway)}));
    let home = "https://api.openai.com";
    check(with("openai", home), json!({"providers": providers("openai_images", home)}));
}

#[test]
fn the_forks_in_their_shapes() {
    let kind = |base: &str, expected: &str, address: &str| {
        check(
            json!({"openrouter_api_keys": ["k1"], "custom_api_base": base, "model_name": "m"}),
            json!({"providers": {"main": {"kind": expected, "base_url": address, "api_keys": ["k1"], "model": "m"}}}),
        );
    };
    kind("", "openai_chat", "https://openrouter.ai/api/v1");
    kind("https://gateway.example/v1", "openai_chat", "https://gateway.example/v1");
    kind("https://api.siliconflow.cn", "siliconflow", "https://api.siliconflow.cn");
    kind("https://ark.cn-beijing.volces.com/api/v3", "ark", "https://ark.cn-beijing.volces.com/api/v3");
    // The single key of their first releases.
    check(
        json!({"openrouter_api_key": "k1", "model_name": "m"}),
        json!({"providers": {"main": {"kind": "openai_chat", "base_url": "https://openrouter.ai/api/v1",
            "api_keys": ["k1"], "model": "m"}}}),
    );
}

#[test]
fn filters_and_limits_keep_their_meaning() {
    let access = |old: Json, expected: Json| check(old, json!({"access": expected}));
    access(
        json!({"group_filter_mode": "whitelist", "group_filter_list": "1, 2", "rate_limit_max_calls_per_group": "5",
            "rate_limit_period_seconds": 30}),
        json!({"group_filter_mode": "whitelist", "group_filter_list": ["1", "2"],
            "rate_limit_max_calls_per_group": 5, "rate_limit_period_seconds": 30}),
    );
    access(
        json!({"group_access_mode": "disabled", "group_access_list": [1, "2"], "calls_per_minute_per_group": 0}),
        json!({"group_filter_mode": "none", "group_filter_list": ["1", "2"], "rate_limit_max_calls_per_group": 0,
            "rate_limit_period_seconds": 60}),
    );
    skips(json!({"group_access_mode": "whitelst"}), "group_access_mode", "import-why-mode");
    skips(
        json!({"openai_api_key": "k", "rate_limit_max_calls_per_group": "many"}),
        "rate_limit_max_calls_per_group",
        "import-why-unreadable",
    );
}

#[test]
fn the_file_receiver_matters_on_another_machine_only() {
    check(
        json!({"nap_server_address": "192.0.2.7", "nap_server_port": "3659"}),
        json!({"onebot": [{"mode": "reverse", "listen": "127.0.0.1:6199", "image_delivery": "napfile",
            "nap_server_address": "192.0.2.7", "nap_server_port": 3659}]}),
    );
    check(
        json!({"nap_server_address": "localhost", "nap_server_port": 3658}),
        json!({"onebot": [{"mode": "reverse", "listen": "127.0.0.1:6199"}]}),
    );
    skips(json!({"nap_server_address": "localhost"}), "nap_server_address", "import-why-same-machine");
}

#[test]
fn version_3_has_one_service_for_what_draw_and_edit_share() {
    let gemini = json!({"api_keys": ["k"], "model": "gemini-3-pro-image", "resolution": "4K"});
    let grok = |key: &str| json!({"api_keys": [key], "model": "grok-imagine-image", "api_mode": "images"});
    check(
        json!({
            "draw": {"provider": "gemini", "fallback_2": "grok", "gemini_native": gemini, "grok": grok("a")},
            "edit": {"provider": "grok", "fallback_1": "gemini_native", "gemini_native": gemini, "grok": grok("b"),
                "fallback": {"max_retries": 1}},
            "selfie": {"prefer_provider": "grok"},
        }),
        json!({
            "draw": {"chain": [{"provider": "gemini_native", "output": "4K"}, "grok"]},
            "edit": {"chain": ["grok_edit", {"provider": "gemini_native_edit", "output": "4K"}]},
            "selfie": {"provider": "grok_edit"},
        }),
    );
    let edit =
        json!({"gemini_native": {"api_keys": ["k"], "model": "gemini-3-pro-image", "supports_edit": true}});
    let draw =
        json!({"gemini_native": {"api_keys": ["k"], "model": "gemini-3-pro-image"}, "provider": "gemini"});
    check(
        json!({"draw": draw, "edit": edit}),
        json!({"providers": {"gemini_native": {"kind": "gemini_native", "api_keys": ["k"],
            "base_url": "https://generativelanguage.googleapis.com", "model": "gemini-3-pro-image",
            "supports_edit": true}}}),
    );
}

#[test]
fn version_3_fallbacks_can_be_off_and_be_a_list() {
    let services = |more: Json| {
        let mut edit = json!({"provider": "grok", "fallback_providers": ["gemini_native", "grok"],
            "grok": {"api_keys": ["a"], "model": "m"}, "gemini_native": {"api_keys": ["b"], "model": "m"}});
        edit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"edit": edit})
    };
    check(services(json!({})), json!({"edit": {"provider": "grok", "fallback_1": "gemini_native"}}));
    skips(services(json!({})), "edit.fallback_providers[1]", "import-why-chain-twice");
    let off = services(json!({"fallback": {"enabled": false}}));
    check(off.clone(), json!({"edit": {"provider": "grok"}}));
    skips(off, "edit.fallback_providers[0]", "import-why-fallback-off");
}

/// The section of one service of version 5 without its kind, its keys and its model.
#[track_caller]
fn service(template: &str, options: Json, expected: Json) {
    let mut old = json!({"id": "x", "__template_key": template, "api_keys": ["k"], "model": "m",
        "base_url": "https://gateway.example/v1"});
    old.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let new = written(&plan(&json!({"providers": [old]}).to_string()));
    let section = &new["providers"]["x"];
    for (key, value) in expected.as_object().unwrap() {
        let found = section.get(key).unwrap_or(&Json::Null);
        assert_eq!(found, value, "{key} of {section:#}");
    }
}

#[test]
fn options_of_a_service() {
    service("openai_images", json!({"max_retries": 2}), json!({"max_retry_attempts": 3}));
    service("openai_images", json!({"max_retries": "0"}), json!({"max_retry_attempts": 1}));
    service("openai_images", json!({"max_retries": 99}), json!({"max_retry_attempts": 10}));
    service("openai_images", json!({"timeout": "600"}), json!({"timeout_seconds": 600}));
    service("openai_images", json!({"timeout": 0}), json!({"timeout_seconds": 1}));
    service("openai_images", json!({"supports_edit": "false"}), json!({"supports_edit": false}));
    let proxy = "socks5h://127.0.0.1:7890";
    service("openai_images", json!({"use_proxy": true, "proxy_url": proxy}), json!({"proxy": proxy}));
    service("openai_images", json!({"proxy_url": proxy}), json!({"proxy": proxy}));
    service("openai_images", json!({"use_proxy": false, "proxy_url": proxy}), json!({"proxy": null}));
    service("openai_images", json!({"use_proxy": true, "proxy_url": "gopher://x"}), json!({"proxy": null}));
    service(
        "openai_images",
        json!({"extra_body": {"quality": "high", "prompt": "x", "none": null}}),
        json!({"extra": {"quality": "high"}}),
    );
    service("gitee_images", json!({"num_inference_steps": 9}), json!({"extra": {"num_inference_steps": 9}}));
    service(
        "openai_images",
        json!({"base_url": "https://me:p%40ss@gateway.example/v1"}),
        json!({"base_url": "https://gateway.example/v1", "basic_auth": "me:p@ss"}),
    );
    service("grok_video", json!({}), json!({"kind": "chat_video"}));
    service("grok_video", json!({"base_url": "https://api.x.ai"}), json!({"kind": "grok_video"}));
    service("grok", json!({"api_mode": "chat"}), json!({"kind": "openai_chat"}));
}

#[test]
fn tasks_are_asked_about_as_often_and_as_long_as_before() {
    service(
        "gitee_async",
        json!({"poll_interval": 5, "poll_timeout": "300"}),
        json!({"extra": {"poll_seconds": 5.0}, "task_timeout_seconds": 300}),
    );
    service(
        "grok_video",
        json!({"base_url": "https://api.x.ai", "poll_interval": "1.5"}),
        json!({"extra": {"poll_seconds": 1.5}}),
    );
    service(
        "modelscope_openai_images",
        json!({"poll_interval": 0}),
        json!({"extra": {"poll_seconds": 0.05}}),
    );
    service("gitee_async", json!({"poll_timeout": 1}), json!({"task_timeout_seconds": 10, "extra": null}));
    service(
        "openai_images",
        json!({"poll_interval": 5}),
        json!({"extra": null, "task_timeout_seconds": null}),
    );
    let at_once = json!({"id": "x", "__template_key": "openai_chat", "api_keys": ["k"], "model": "m",
        "base_url": "https://gateway.example/v1", "poll_timeout": 300});
    skips(json!({"providers": [at_once]}), "providers[0].poll_timeout", "import-why-polling");
}

#[test]
fn streams_stay_where_the_kind_has_them() {
    for (template, options) in [
        ("openai_images", json!({"stream": true})),
        ("openai_chat", json!({"enable_stream": "true"})),
        ("gemini_native", json!({"request_mode": "stream"})),
        ("flow2api", json!({"stream": false, "request_mode": "Stream"})),
    ] {
        service(template, options, json!({"extra": {"stream": true}}));
    }
    let told = |template: &str, key: &str, value: Json, why: &str| {
        let mut old = json!({"id": "x", "__template_key": template, "api_keys": ["k"], "model": "m",
            "base_url": "https://gateway.example/v1"});
        old[key] = value;
        skips(json!({"providers": [old.clone()]}), &format!("providers[0].{key}"), why);
        service(template, old, json!({"extra": null}));
    };
    told("openai_chat", "stream", json!(false), "import-why-streaming");
    told("gemini_native", "request_mode", json!("auto"), "import-why-streaming");
    told("gitee_images", "stream", json!(true), "import-why-streaming-kind");
    told("openai_chat", "stream", json!("perhaps"), "import-why-unreadable");
}

#[test]
fn what_only_streams_is_asked_for_streams() {
    service("flow2api", json!({}), json!({"kind": "openai_chat", "extra": {"stream": true}}));
    service("flow2api", json!({"stream": false}), json!({"extra": {"stream": true}}));
    service("flow2api_video", json!({}), json!({"kind": "chat_video", "extra": null}));
    let off = json!({"id": "x", "__template_key": "flow2api", "api_keys": ["k"], "model": "m", "stream": false,
        "base_url": "https://gateway.example/v1"});
    skips(json!({"providers": [off]}), "providers[0].stream", "import-why-streaming-always");
}

#[test]
fn a_gateway_of_xais_models_is_asked_as_openai() {
    let grok = |base: &str| {
        json!({"draw": {"provider": "grok",
            "grok": {"base_url": base, "api_mode": "images", "api_keys": ["k"]}}})
    };
    let section = |kind: &str, base: &str| {
        json!({"providers": {"grok": {"kind": kind, "base_url": base, "api_keys": ["k"],
            "model": "grok-imagine-image"}}, "draw": {"provider": "grok"}})
    };
    let (gateway, home) = ("https://gateway.example/v1", "https://api.x.ai/v1");
    check(grok(gateway), section("openai_images", gateway));
    check(grok(home), section("grok", home));
}

#[test]
fn of_two_spellings_the_first_counts_and_the_other_is_told() {
    let base = json!({"__template_key": "openai_images", "api_keys": ["k"], "model": "m",
        "base_url": "https://gateway.example/v1"});
    let told = |key: &str, value: Json, expected: Json| {
        let mut old = base.clone();
        old.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        old[key] = value;
        skips(json!({"providers": [old.clone()]}), &format!("providers[0].{key}"), "import-why-second");
        let plan = plan(&json!({"providers": [old]}).to_string());
        let moved = plan.moved.iter().any(|moved| moved.old == format!("providers[0].{key}"));
        assert!(!moved, "{key} is told as moved as well");
    };
    told("api_url", json!("https://other.example"), json!({}));
    told("model_name", json!("other"), json!({}));
    told("timeout_seconds", json!(5), json!({"timeout": 6}));
    told("max_retries", json!(5), json!({"max_retry_attempts": 6}));
    told("proxy", json!("http://127.0.0.1:1"), json!({"proxy_url": "http://127.0.0.1:2"}));
    told("default_resolution", json!("2K"), json!({"default_size": "1K"}));
    told("type", json!("grok"), json!({}));
    let full = json!({"full_generate_url": "https://odd.example/g"});
    told("base_url", json!("https://gateway.example/v1"), full);
    service("openai_images", json!({"timeout": 6, "timeout_seconds": 5}), json!({"timeout_seconds": 6}));
    // A proxy is told by the name that it was written under.
    let mut old = base.clone();
    old["proxy"] = json!("gopher://x");
    skips(json!({"providers": [old]}), "providers[0].proxy", "import-why-proxy-bad");
}

#[test]
fn an_address_of_one_endpoint_serves_one_thing() {
    let with = |key: &str| {
        let mut old =
            json!({"id": "x", "__template_key": "openai_full_url_images", "api_keys": ["k"], "model": "m"});
        old[key] = json!("https://odd.example/only");
        json!({"providers": [old], "features": {"draw": {"chain": ["x"]}, "edit": {"chain": ["x"]}}})
    };
    let new = written(&plan(&with("full_edit_url").to_string()));
    assert!(new.get("draw").is_none(), "{new:#}");
    assert_eq!(new["edit"], json!({"chain": ["x"]}));
    assert_eq!(new["providers"]["x"].get("supports_edit"), None);
    skips(with("full_edit_url"), "features.draw.chain[0]", "import-why-chain-edits-only");

    let plan = plan(&with("full_generate_url").to_string());
    let new = written(&plan);
    assert_eq!(new["draw"], json!({"chain": ["x"]}));
    assert_eq!(new["providers"]["x"]["supports_edit"], false);
    assert!(plan.notes.iter().any(|note| note.key == "import-note-draws-only"), "{:?}", plan.notes);
    let mut wished = with("full_generate_url");
    wished["providers"][0]["supports_edit"] = json!(true);
    skips(wished, "providers[0].supports_edit", "import-why-draws-only");
}

#[test]
fn what_selfies_and_clips_have_of_their_own_is_kept() {
    let new = written(&plan(sample!("aiimg_v3")));
    assert_eq!(new["selfie"]["reference_images"], json!(["files/selfie/a.png"]));
    let off = json!({"selfie": {"enabled": false, "reference_images": ["a.png"]}, "draw": {}});
    skips(off.clone(), "selfie.reference_images", "import-why-selfie-off");
    assert!(written(&plan(&off.to_string())).get("selfie").is_none());
    let clip = |id: &str| {
        json!({"id": id, "__template_key": "grok_video", "api_key": "k", "model": "m",
            "server_url": "https://gateway.example/v1"})
    };
    check(
        json!({"providers": [clip("a"), clip("b")], "features": {"video": {"chain": [
            {"provider_id": "a", "output": "16:9"}, {"provider_id": "b", "output": "9:16"}]}}}),
        json!({"video": {"chain": [{"provider": "a", "output": "16:9"}, {"provider": "b", "output": "9:16"}]}}),
    );
}

#[test]
fn full_addresses_stay_as_they_are() {
    service(
        "openai_full_url_images",
        json!({"full_generate_url": "https://odd.example/g", "full_edit_url": "https://odd.example/g"}),
        json!({"base_url": "https://odd.example/g", "full_url": true, "supports_edit": null}),
    );
    let new = written(&plan(sample!("aiimg_v5")));
    let (draws, edits) = (&new["providers"]["exact"], &new["providers"]["exact_edit"]);
    assert_eq!(draws["base_url"], "https://odd.example/api/generate");
    assert_eq!((&draws["full_url"], &draws["supports_edit"]), (&json!(true), &json!(false)));
    assert_eq!(edits["base_url"], "https://odd.example/api/edit");
    assert_eq!((&edits["full_url"], edits.get("supports_edit")), (&json!(true), None));
    assert_eq!(new["edit"], json!({"chain": ["exact_edit", {"provider": "banana", "output": "4K"}]}));
}

#[test]
fn jimeng_keeps_its_cookies_whole() {
    let new = written(&plan(sample!("aiimg_v5")));
    let dream = &new["providers"]["dream"];
    assert_eq!(
        dream["api_keys"],
        json!([{"key": "7001:sessionid=fixture-cookie-005; a=b", "account": "cookie_list-1"}])
    );
    assert_eq!(
        dream["extra"],
        json!({"form": "aggregator", "apikey": "fixture-key-005", "default_style": "真实",
            "default_ratio": "3:4"})
    );
    service(
        "jimeng",
        json!({"apikey": "k2"}),
        json!({"api_keys": ["k"], "extra": {"form": "aggregator", "apikey": "k2"}}),
    );
}

#[test]
fn chains_of_version_5() {
    let new = written(&plan(sample!("aiimg_v5")));
    assert_eq!(
        new["draw"],
        json!({"chain": [
            {"provider": "gpt_image", "output": "16:9 2K"}, {"provider": "banana", "output": "4K"}, "exact", "scope", "dream"
        ]})
    );
    assert_eq!(new["selfie"], json!({"chain": [{"provider": "banana", "output": "4K"}, "exact_edit"]}));
    assert_eq!(new["video"], json!({"chain": ["clips", "sora"], "send_mode": "file"}));
    assert_eq!(new["presets"], json!({"水彩": {"feature": "edit", "prompt": "Turn it into a watercolour"}}));
    let v5: Json = serde_json::from_str(sample!("aiimg_v5")).unwrap();
    skips(v5.clone(), "providers[4]", "import-why-anonymous");
    skips(v5.clone(), "features.draw.chain[2]", "import-why-chain-off");
    skips(v5.clone(), "features.draw.chain[7]", "import-why-chain-unknown");
    skips(v5.clone(), "features.draw.chain[8]", "import-why-chain-twice");
    skips(v5.clone(), "providers[1].extra_body.prompt", "import-why-reserved");
    skips(v5.clone(), "persona_config", "import-why-unknown");
    skips(v5, "providers.keyless", "import-why-no-key");
}

#[test]
fn ids_become_names_that_can_be_typed() {
    let one = |id: &str| {
        json!({"id": id, "__template_key": "openai_images", "api_keys": ["k"], "model": "m",
        "base_url": "https://x.example"})
    };
    let new =
        written(&plan(&json!({"providers": [one("我的 网关"), one("a@b"), one("A"), one("a")]}).to_string()));
    let names: Vec<_> = new["providers"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["A", "a_2", "a_b", "我的_网关"]);
}

#[test]
fn features_that_were_off_stay_off() {
    let video = json!({"enabled": false, "api_key": "k", "send_mode": "file"});
    let new = written(&plan(&json!({"video": video, "selfie": {"enabled": false}}).to_string()));
    assert!(new.get("video").is_none() && new.get("selfie").is_none(), "{new:#}");
    assert_eq!(new["providers"]["video"]["kind"], "grok_video");
}

#[test]
fn retired_models_stay_with_a_note() {
    let plan = plan(sample!("aiimg_v3"));
    let notes: Vec<_> = plan.notes.iter().map(|note| Speech::new(Locale::EnUs).say(note)).collect();
    let named = |old: &str, new: &str| notes.iter().any(|note| note.contains(old) && note.contains(new));
    assert!(named("gemini-3-pro-image-preview", "set model to gemini-3-pro-image."), "{notes:#?}");
    assert!(named("grok-imagine-0.9", "grok-imagine-video"), "{notes:#?}");
    assert_eq!(written(&plan)["providers"]["video"]["model"], "grok-imagine-0.9");
    let free = self::plan(sample!("openrouter"));
    let note = Speech::new(Locale::EnUs).say(&free.notes[0]);
    assert!(note.contains("google/gemini-3-pro-image"), "{note}");
}

#[test]
fn every_sample_is_a_valid_configuration() {
    for (name, text) in SAMPLES {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("easel.toml");
        let plan = plan(text);
        create(&file, &write::write(&plan, name, &Speech::new(Locale::ZhCn))).unwrap();
        let mut said = Vec::new();
        let bad = judge(&file, &Speech::new(Locale::ZhCn), &mut |line| said.push(line));
        assert!(!bad, "{name}: {said:#?}\n{}", fs::read_to_string(&file).unwrap());
        assert!(plan.moved.len() > 2, "{name}");
    }
}

/// Every text below a secret's key.
fn secrets(json: &Json, inside: bool, found: &mut Vec<String>) {
    match json {
        Json::String(text) if inside => found.push(text.clone()),
        Json::Array(items) => items.iter().for_each(|item| secrets(item, inside, found)),
        Json::Object(fields) => fields.iter().for_each(|(key, value)| {
            secrets(
                value,
                inside || key.contains("key") && !key.starts_with("__") || key == "cookie_list",
                found,
            );
        }),
        _ => {}
    }
}

#[test]
fn nothing_that_is_told_holds_a_secret() {
    for (name, text) in SAMPLES {
        let mut all = vec!["proxy-secret".to_owned(), "basic-secret".to_owned(), "fixture-cookie".to_owned()];
        secrets(&serde_json::from_str(text).unwrap(), false, &mut all);
        assert!(all.len() > 3, "{name}");
        let mut said = String::new();
        tell(&plan(text), name, &Speech::new(Locale::EnUs), &mut |line| said += &line);
        for secret in all {
            assert!(!said.contains(&secret), "{name} tells {secret}: {said}");
        }
    }
}

#[test]
fn rubbish_is_refused_with_a_sentence() {
    refuses(b"", "import-not-json");
    refuses(b"# [bot]", "import-not-json");
    refuses(b"{\"openai_api_key\": ", "import-not-json");
    refuses("\u{feff}".as_bytes(), "import-not-json");
    refuses(&vec![b'['; 100_000], "import-not-json");
    refuses(b"[]", "import-no-object");
    refuses(b"\"sk-secret\"", "import-no-object");
    refuses(b"null", "import-no-object");
    refuses(b"{}", "import-unknown");
    refuses(b"{\"dashboard\": {\"port\": 1}}", "import-unknown");
    let marked = ["\u{feff}", sample!("openrouter")].concat();
    assert_eq!(plan(&marked), plan(sample!("openrouter")));
}

#[test]
fn odd_types_are_told_and_never_an_error() {
    for old in [
        json!({"openai_api_key": {"a": 1}, "model_name": ["x"], "max_retry_attempts": true, "group_filter_list": 5}),
        json!({"providers": [1, null, {}, {"id": []}, {"__template_key": "grok"}], "features": []}),
        json!({"providers": {}, "features": {"draw": {"chain": {"a": 1}}, "video": 3}}),
        json!({"draw": {"provider": 3, "grok": [], "presets": 7}, "edit": {"fallback": 2}, "selfie": {}, "video": {}}),
        json!({"draw": {"presets": [1, {}, "a", "a:b", "a：c"]}, "storage": 1, "network": {"max_image_bytes": -1}}),
        json!({"features": {"edit": {"presets": {"one": "two", "three": 4}}}}),
    ] {
        let plan = plan(&old.to_string());
        written(&plan);
        assert!(!plan.skipped.is_empty(), "{old}");
    }
}
