//! The codes and phrases that services use, in lower case. Data only: a new wording is one entry here.
//!
//! Sources: OpenAI's API reference, error-code guide and help centre; OpenRouter's documentation of errors; the
//! sources of one-api and new-api; answers seen from gateways in front of Gemini, Ark and `DashScope`.

/// Codes are compared whole, phrases as parts of a text (see each use for where).
pub(super) struct Words {
    pub(super) codes: &'static [&'static str],
    pub(super) phrases: &'static [&'static str],
}

/// The whole account or cloud resource is closed.
pub(super) const SUSPENDED: &[&str] =
    &["resource has been temporarily blocked", "account has been suspended"];

/// The organisation must be verified first: another key may do.
pub(super) const UNVERIFIED: &[&str] = &["organization must be verified", "organisation must be verified"];

/// The checker itself failed, nothing was judged.
pub(super) const CHECKER: Words = Words { codes: &["contentsecuritydetectionerror"], phrases: &[] };

pub(super) const MODERATED: Words = Words {
    codes: &[
        "moderation_blocked",
        "content_policy_violation",
        "content_policy",
        "image_content_policy_violation",
        "content_filter",
        "content_blocked",
        "sensitive_words_detected",
        "refusal",
        "prohibited_content",
        "image_safety",
        "safety",
        "data_inspection_failed",
        "datainspectionfailed",
        "inputtextsensitivecontentdetected",
        "inputimagesensitivecontentdetected",
        "outputimagesensitivecontentdetected",
        "outputvideosensitivecontentdetected",
        "sensitivecontentdetected",
        "responsibleaipolicyviolation",
    ],
    phrases: &[
        "rejected as a result of our safety system",
        "rejected by the safety system",
        "safety_violations=[",
        "sensitive words detected",
        "flagged by a content filter",
        "flagged by moderation",
        "public_error_unsafe_generation",
        "violates our content policy",
        "content policy violation",
        "violates our usage policies",
        "content_policy_violation",
        "may contain inappropriate content",
        "image_safety",
        "prohibited_content",
        "prompt blocked",
        "敏感词",
        "内容审核未通过",
        "内容安全审核",
        "违反了相关规定",
    ],
};

/// Of those, the ones that withhold a finished picture.
pub(super) const MODERATED_OUTPUT: Words = Words {
    codes: &[
        "image_safety",
        "content_filter",
        "outputimagesensitivecontentdetected",
        "outputvideosensitivecontentdetected",
    ],
    phrases: &[],
};

pub(super) const AUTH: Words = Words {
    codes: &[
        "invalid_api_key",
        "api_key_invalid",
        "invalidapikey",
        "authenticationerror",
        "authentication_error",
        "authentication",
        "account_deactivated",
    ],
    phrases: &["incorrect api key", "invalid api key", "api key not valid", "无效的令牌"],
};

pub(super) const QUOTA: Words = Words {
    codes: &[
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "billing_limit_user_error",
        "insufficient_user_quota",
        "pre_consume_token_quota_failed",
        "payment_required",
        "insufficient_balance",
        "quota_exceeded",
        "quotaexceeded",
        "accountoverdueerror",
        "arrearage",
    ],
    phrases: &[
        "user quota is not enough",
        "token quota is not enough",
        "insufficient balance",
        "insufficient credits",
        "account balance is insufficient",
        "no prepaid credits",
        "overdue balance",
        "余额不足",
        "额度不足",
        "额度已用尽",
        "欠费",
    ],
};

pub(super) const NOT_FOUND: Words = Words {
    codes: &[
        "model_not_found",
        "deploymentnotfound",
        "not_found",
        "not_found_error",
        "free_variant_ended",
        "unsupported_country_region_territory",
        "model_not_supported",
        "modelnotfound",
    ],
    phrases: &[
        "invalid url (",
        "no available channel",
        "no endpoints found",
        "no provider for",
        "无可用渠道",
        "model not found",
    ],
};

/// Of those, the ones that speak of the model (codes by their beginnings).
pub(super) const NO_MODEL: Words = Words {
    codes: &[
        "model_not_found",
        "modelnotfound",
        "model_not_supported",
        "deploymentnotfound",
        "invalidendpoint",
        "free_variant_ended",
    ],
    phrases: &["no available channel", "no endpoints found", "no provider for", "无可用渠道"],
};

/// Of those, the ones that speak of a model that is there for others: Ark ("error codes": activate the model, or make an
/// endpoint for it), Model Studio ("error codes": the account has no right to the model).
pub(super) const NO_RIGHT: Words = Words {
    codes: &[
        "modelnotopen",
        "operationdenied.servicenotopen",
        "invalidendpointormodel.modelidaccessdisabled",
        "model.accessdenied",
    ],
    phrases: &["not activated", "未开通"],
};

/// How a service names a model without its name; what is said of it is one of [`ABSENT`].
pub(super) const MODEL: &[&str] = &["model", "模型"];
/// How services say that something is not there, or not for this account.
pub(super) const ABSENT: &[&str] = &[
    "not found",
    "not exist",
    "n't exist",
    "n’t exist",
    "no such",
    "unknown",
    "invalid",
    "not support",
    "unsupported",
    "not available",
    "unavailable",
    "no access",
    "deprecated",
    "retired",
    "no longer",
    "has ended",
    "不存在",
    "未找到",
    "不可用",
    "不支持",
    "停用",
    "下线",
];
/// The service is not offered here: neither another model nor another address would help.
pub(super) const NO_SERVICE: &[&str] = &["unsupported_country_region_territory", "failed_precondition"];
/// Words that say that the address is what is not there.
pub(super) const ADDRESS: &[&str] =
    &["url", "uri", "route", "path", "page", "endpoint", "method", "resource"];

pub(super) const TOO_LARGE: Words =
    Words { codes: &["image_too_large", "payload_too_large", "request_too_large"], phrases: &[] };

pub(super) const RATE: Words = Words {
    codes: &[
        "rate_limit_exceeded",
        "rate_limit_error",
        "slow_down",
        "requests",
        "tokens",
        "capacity_exhausted",
    ],
    phrases: &[],
};

pub(super) const OVERLOAD: Words = Words {
    codes: &[
        "server_error",
        "server",
        "server_is_overloaded",
        "service_unavailable_error",
        "provider_unavailable",
        "provider_overloaded",
        "generation_failed",
    ],
    phrases: &[],
};

/// For errors inside a success, where no status helps.
pub(super) const BAD_REQUEST: Words = Words {
    codes: &[
        "invalid_request",
        "invalid_request_error",
        "invalid_prompt",
        "invalid_image",
        "unknown_parameter",
        "invalid_value",
        "unsupported_value",
        "unsupported_image_format",
        "image_download_failed",
    ],
    phrases: &[],
};

/// What models say when they refuse in words.
pub(super) const REFUSED: &[&str] = &[
    "i can't create",
    "i can’t create",
    "i can't generate",
    "i can’t generate",
    "i can't help",
    "i can’t help",
    "i cannot create",
    "i cannot generate",
    "i cannot fulfill",
    "i'm not able to",
    "i’m not able to",
    "i am unable to",
    "i'm unable to",
    "i’m unable to",
    "can't assist with",
    "can’t assist with",
    "cannot assist with",
    "against my guidelines",
    "violates",
    "content policy",
    "safety guidelines",
    "无法生成",
    "无法创作",
    "无法为您",
    "无法为你",
    "不能生成",
    "不能为您",
    "不能为你",
    "不符合",
    "违反",
    "违规",
    "敏感内容",
];
