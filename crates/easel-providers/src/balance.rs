//! What is left on an account, for services that tell it to a key for nothing.
//!
//! Data per service and pure readers. Sources: `OpenRouter` documentation, "Get current API key"; the balance queries of
//! One-API and New-API for `SiliconFlow`, Gitee AI and gateways of their own kind; a client of `ModelScope`; the server
//! source of jimeng-free-api. A service that does not answer so has no balance here; that is never a failure.

use chrono::{Days, NaiveDate};
use easel_core::ports::ApiKey;
use serde_json::Value;

use crate::{questions::Questions, registry::Kind};

/// Money or points of an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balance {
    /// What is left; `None` when the service sets no limit.
    pub left: Option<f64>,
    /// What was used, where the service says so.
    pub used: Option<f64>,
    /// The unit: `USD`, `CNY`, or a word of the service's own.
    pub unit: &'static str,
}

/// How one service tells it.
struct Row {
    /// At this host, whatever the kind; `*` at the end stands for anything.
    host: &'static str,
    /// For one of these kinds; empty = for all.
    kinds: &'static [Kind],
    /// What is asked, in turn, below the base address or elsewhere.
    paths: &'static [&'static str],
    /// Asked by a POST without a body, beside the last part of the base address.
    post: bool,
    /// From the answers, in the same order.
    read: fn(&[Value]) -> Option<Balance>,
}

/// The first row that fits counts.
const ROWS: &[Row] = &[
    Row { host: "openrouter.ai", kinds: &[], paths: &["key"], post: false, read: openrouter },
    Row {
        host: "api.siliconflow.cn",
        kinds: &[],
        paths: &["user/info"],
        post: false,
        read: |told| siliconflow(told, "CNY"),
    },
    Row {
        host: "api.siliconflow.com",
        kinds: &[],
        paths: &["user/info"],
        post: false,
        read: |told| siliconflow(told, "USD"),
    },
    Row { host: "ai.gitee.com", kinds: &[], paths: &["tokens/packages/balance"], post: false, read: gitee },
    Row { host: "api.moark.com", kinds: &[], paths: &["tokens/packages/balance"], post: false, read: gitee },
    Row {
        host: "api-inference.modelscope.cn",
        kinds: &[],
        paths: &["https://modelscope.cn/openapi/v1/magicubes/balance"],
        post: false,
        read: modelscope,
    },
    // The self-hosted API of that kind; the aggregator has nothing of the sort.
    Row { host: "*", kinds: &[Kind::Jimeng], paths: &["token/points"], post: true, read: jimeng },
    // The maker's own service tells a normal key nothing.
    Row { host: "api.openai.com", kinds: &[], paths: &[], post: false, read: |_| None },
    Row {
        host: "*",
        kinds: &[Kind::OpenAiImages, Kind::OpenAiChat],
        paths: &["dashboard/billing/subscription", "dashboard/billing/usage?start_date={from}&end_date={to}"],
        post: false,
        read: gateway,
    },
];

/// A gateway without limits says so by a number that no account holds.
const NO_LIMIT: f64 = 1e7;
/// Gateways that go by the dates take at most about this many days.
const DAYS: u64 = 90;

fn row(kind: Kind, host: &str) -> Option<&'static Row> {
    let at = |row: &Row| row.host.strip_suffix('*').map_or(host == row.host, |start| host.starts_with(start));
    ROWS.iter().find(|row| at(row) && (row.kinds.is_empty() || row.kinds.contains(&kind)))
}

/// Asks what is left for `key`; `today` bounds the time that a gateway sums up. `None` when the service doesn't tell.
pub async fn ask(questions: &Questions, key: &ApiKey, today: NaiveDate) -> Option<Balance> {
    let row = row(questions.kind(), questions.host()).filter(|row| !row.paths.is_empty())?;
    let from = today.checked_sub_days(Days::new(DAYS)).unwrap_or(today);
    let to = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let mut told = Vec::with_capacity(row.paths.len());
    for path in row.paths {
        let path = path.replace("{from}", &from.to_string()).replace("{to}", &to.to_string());
        let read =
            if row.post { questions.posted(&path, key).await } else { questions.read(&path, key).await };
        told.push(read?);
    }
    (row.read)(&told)
}

/// A number, also when it is written as a text.
fn number(value: Option<&Value>) -> Option<f64> {
    let value = value?;
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

fn openrouter(told: &[Value]) -> Option<Balance> {
    let data = told.first()?.get("data")?;
    let used = number(data.get("usage"))?;
    Some(Balance { left: number(data.get("limit_remaining")), used: Some(used), unit: "USD" })
}

fn siliconflow(told: &[Value], unit: &'static str) -> Option<Balance> {
    let left = number(told.first()?.pointer("/data/totalBalance"))?;
    Some(Balance { left: Some(left), used: None, unit })
}

fn gitee(told: &[Value]) -> Option<Balance> {
    let told = told.first()?;
    let left = number(told.get("balance"))?;
    Some(Balance { left: Some(left), used: number(told.get("used_amount")), unit: "CNY" })
}

fn modelscope(told: &[Value]) -> Option<Balance> {
    let left = number(told.first()?.pointer("/data/available_balance"))?;
    Some(Balance { left: Some(left), used: None, unit: "magicubes" })
}

/// One entry per session id of the key. Each repeats the id itself, which is as good as a password and stays here.
fn jimeng(told: &[Value]) -> Option<Balance> {
    let accounts = told.first()?.as_array().filter(|accounts| !accounts.is_empty())?;
    let left = accounts.iter().map(|account| number(account.pointer("/points/totalCredit")));
    Some(Balance { left: Some(left.sum::<Option<f64>>()?), used: None, unit: "credits" })
}

/// `hard_limit_usd` is everything that was ever given, `total_usage` counts cents.
fn gateway(told: &[Value]) -> Option<Balance> {
    let limit = number(told.first()?.get("hard_limit_usd"))?;
    let used = number(told.get(1)?.get("total_usage"))? / 100.0;
    let left = (limit < NO_LIMIT).then_some(limit - used);
    Some(Balance { left, used: Some(used), unit: "USD" })
}

#[cfg(test)]
mod tests {
    use easel_testkit::samples;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Kind, host: &str, told: &[Value], expected: Option<(Option<f64>, Option<f64>, &str)>) {
        let read = row(kind, host).and_then(|row| (row.read)(told));
        assert_eq!(read.map(|read| (read.left, read.used, read.unit)), expected, "{host}");
    }

    fn sample(name: &str) -> Vec<Value> {
        vec![samples::json(name)]
    }

    #[test]
    fn every_service_tells_it_in_its_own_way() {
        use Kind::{Gitee, ModelScope, OpenAiChat, OpenAiImages, SiliconFlow};
        let key = sample("openrouter/key_ok.json");
        check(OpenAiChat, "openrouter.ai", &key, Some((Some(74.5), Some(25.5), "USD")));
        let unlimited = [json!({ "data": { "limit": null, "limit_remaining": null, "usage": 2 } })];
        check(OpenAiChat, "openrouter.ai", &unlimited, Some((None, Some(2.0), "USD")));
        let user = sample("siliconflow/user_info_ok.json");
        check(SiliconFlow, "api.siliconflow.cn", &user, Some((Some(88.88), None, "CNY")));
        check(OpenAiImages, "api.siliconflow.com", &user, Some((Some(88.88), None, "USD")));
        let packages = sample("balance/gitee_packages_ok.json");
        check(Gitee, "ai.gitee.com", &packages, Some((Some(25.5), Some(4.5), "CNY")));
        let cubes = sample("balance/modelscope_magicubes_ok.json");
        check(ModelScope, "api-inference.modelscope.cn", &cubes, Some((Some(118.5), None, "magicubes")));
        let points = sample("jimeng/free_api_points.json");
        check(Kind::Jimeng, "127.0.0.1", &points, Some((Some(60.0), None, "credits")));
        let two = [json!([{ "points": { "totalCredit": 5 } }, { "points": { "totalCredit": "7" } }])];
        check(Kind::Jimeng, "127.0.0.1", &two, Some((Some(12.0), None, "credits")));
        for nothing in [json!([]), json!({ "live": true }), json!([{ "points": {} }])] {
            check(Kind::Jimeng, "127.0.0.1", &[nothing], None);
        }
        let gateway =
            [samples::json("balance/new_api_subscription.json"), samples::json("balance/new_api_usage.json")];
        let expected = Some((Some(100.0 - 12.345), Some(12.345), "USD"));
        check(OpenAiImages, "gateway.example", &gateway, expected);
    }

    #[test]
    fn what_says_nothing_is_no_balance() {
        check(Kind::OpenAiImages, "api.openai.com", &[json!({ "hard_limit_usd": 1 })], None);
        check(Kind::OpenAiImages, "gateway.example", &[json!({ "hard_limit_usd": 1 })], None);
        check(
            Kind::SiliconFlow,
            "api.siliconflow.cn",
            &[json!({ "data": { "totalBalance": "much" } })],
            None,
        );
        assert!(row(Kind::Grok, "api.x.ai").is_none());
        let endless = [json!({ "hard_limit_usd": 100_000_000 }), json!({ "total_usage": 100 })];
        check(Kind::OpenAiChat, "gateway.example", &endless, Some((None, Some(1.0), "USD")));
    }
}
