//! p
use easel_core::settings::SettingProblem;
use schemars::JsonSchema;
use serde::Deserialize;
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessSection { pub(crate) debounce_seconds: u64, }
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProviderSection { pub(crate) kind: String, pub(crate) base_url: String, pub(crate) model: String, #[schemars(with="Vec<String>")] pub(crate) api_keys: Vec<secrecy::SecretString>, pub(crate) full_url: bool, pub(crate) timeout_seconds: u64, pub(crate) max_retry_attempts: u32 }
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PresetSection { pub(crate) prompt: String }
impl AccessSection { pub(crate) fn validate(&self) -> Vec<SettingProblem> { vec![] } }
impl ProviderSection { pub(crate) fn validate(&self) -> Vec<SettingProblem> { vec![] } }
