//! A service from the environment that names no model: its own list tells which of them makes pictures.
//!
//! Nobody waits for that list but the calls that need it. A service that is away must not keep easel from listening.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use async_trait::async_trait;
use easel_core::{
    error::ProviderError,
    ports::{CallContext, Capabilities, GenerateRequest, Generated, Preparation, Provider, Unfit},
};
use easel_http::HttpClients;
use easel_providers::{
    ProviderSection, models,
    registry::{self, Tools},
};
use tokio::sync::OnceCell;

use super::chains::FALLBACK_MODEL;

/// How long the list of models is waited for.
const LIST_PATIENCE: Duration = Duration::from_secs(10);

/// A provider whose model is learned before its first call. The choice holds as long as the provider.
pub(super) struct Late {
    section: ProviderSection,
    tools: Tools,
    /// With the usual model: what it can do until more is known, and who is asked when there is no list.
    usual: Arc<dyn Provider>,
    settled: OnceCell<Arc<dyn Provider>>,
}

impl Late {
    /// A provider of this name; nothing is asked yet.
    ///
    /// # Errors
    /// When no provider can be built from the section.
    pub(super) fn new(name: &str, section: &ProviderSection, tools: &Tools) -> anyhow::Result<Self> {
        let usual = with_model(name, section, FALLBACK_MODEL, tools)?;
        Ok(Self { section: section.clone(), tools: tools.clone(), usual, settled: OnceCell::new() })
    }

    /// The provider with its model; asks the service for its list when nobody has.
    pub(super) async fn settled(&self) -> &Arc<dyn Provider> {
        self.settled.get_or_init(|| self.learn()).await
    }

    /// The first model of the service's own list that makes pictures; [`FALLBACK_MODEL`] when there is none, or no list
    /// (S004-03).
    async fn learn(&self) -> Arc<dyn Provider> {
        let service = self.usual.name();
        let listed = match first_listed(&self.tools.clients, &self.section).await {
            Ok(Some(model)) => with_model(service, &self.section, &model, &self.tools),
            Ok(None) => Err(anyhow::anyhow!("it lists no model that makes pictures")),
            Err(error) => Err(error.context("its models can't be listed")),
        };
        listed.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::warn!(
                service,
                error,
                model = FALLBACK_MODEL,
                "the usual model is asked; IMAGE_MODEL names another"
            );
            self.usual.clone()
        })
    }

    fn known(&self) -> &Arc<dyn Provider> {
        self.settled.get().unwrap_or(&self.usual)
    }
}

#[async_trait]
impl Provider for Late {
    fn name(&self) -> &str {
        self.usual.name()
    }

    fn kind(&self) -> &'static str {
        self.usual.kind()
    }

    /// Empty until it is known.
    fn model(&self) -> &str {
        self.settled.get().map_or("", |provider| provider.model())
    }

    fn capabilities(&self) -> Capabilities {
        self.known().capabilities()
    }

    /// The list, which is free: before the attempt, and before the request is judged by what the model can do.
    fn preparation<'a>(&'a self, cx: &'a CallContext) -> Option<Preparation<'a>> {
        match self.settled.get() {
            Some(provider) => provider.preparation(cx),
            None => Some(Box::pin(async {
                self.settled().await;
            })),
        }
    }

    fn refuses(&self, request: &GenerateRequest) -> Option<Unfit> {
        // It was let in by what the usual model can do.
        let (provider, given) = (self.settled.get()?, request.references.len());
        let able = provider.capabilities();
        if given > able.max_references {
            Some(Unfit::TooManyReferences { max: able.max_references })
        } else if given == 0 && !able.generate {
            Some(Unfit::NeedsReference)
        } else {
            provider.refuses(request)
        }
    }

    async fn generate(
        &self,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        self.settled().await.generate(request, cx).await
    }
}

fn with_model(
    name: &str,
    section: &ProviderSection,
    model: &str,
    tools: &Tools,
) -> anyhow::Result<Arc<dyn Provider>> {
    let section = ProviderSection { model: model.to_owned(), ..section.clone() };
    registry::build(name, &section, tools).with_context(|| format!("providers.{name}"))
}

/// The first model of a service's own list that makes pictures, if there is one. Costs nothing.
pub(super) async fn first_listed(
    clients: &HttpClients,
    section: &ProviderSection,
) -> anyhow::Result<Option<String>> {
    let (address, keys) = (section.address()?, section.keys());
    let list = models::list(clients, section.proxy.expose(), &address, keys.first());
    let ids = tokio::time::timeout(LIST_PATIENCE, list).await??;
    Ok(models::first_image_capable(ids.iter().map(String::as_str)).map(str::to_owned))
}
