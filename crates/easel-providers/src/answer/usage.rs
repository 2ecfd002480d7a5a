//! What an answer says about its price: tokens and money, in the spellings of OpenAI and the gateways around it.

use easel_core::ports::Usage;
use serde_json::Value;

/// Reads `usage` of a skeleton. Nonsense (negative, no number) counts as not told.
pub(crate) fn usage(root: &Value) -> Usage {
    let Some(usage) = root.get("usage") else { return Usage::default() };
    let tokens = |names: [&str; 2]| names.iter().find_map(|name| usage.get(*name)?.as_u64());
    Usage {
        input_tokens: tokens(["input_tokens", "prompt_tokens"]),
        output_tokens: tokens(["output_tokens", "completion_tokens"]),
        cost: usage.get("cost").and_then(Value::as_f64).filter(|cost| cost.is_finite() && *cost >= 0.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_and_money_are_read_in_both_spellings() {
        let check = |value, input_tokens, output_tokens, cost| {
            assert_eq!(usage(&value), Usage { input_tokens, output_tokens, cost });
        };
        check(json!({ "usage": { "input_tokens": 12, "output_tokens": 4160 } }), Some(12), Some(4160), None);
        let chat = json!({ "usage": { "prompt_tokens": 7, "completion_tokens": 1290, "cost": 0.039 } });
        check(chat, Some(7), Some(1290), Some(0.039));
        check(json!({ "usage": { "cost": -1, "input_tokens": "many" } }), None, None, None);
        check(json!({ "data": [] }), None, None, None);
        check(json!("words"), None, None, None);
    }
}
