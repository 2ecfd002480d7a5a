//! Who is on the other side: OneBot implementations, providers, and the names of the internet.

use std::io;

use easel_core::error::{ErrorClass, ProviderError};
use easel_http::HttpClients;
#[cfg(feature = "onebot")]
use easel_onebot::{Mode, OneBotSection};
use easel_providers::{
    Kind, ProviderSection, Tools,
    questions::{Listed, Questions},
};
#[cfg(feature = "onebot")]
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Finding, PATIENCE, host_of, services::Service};
use crate::{
    cli::plain::cause,
    config::{Config, problem::ProblemText},
};

/// A name that is resolvable from everywhere and meant for such looks.
const WELL_KNOWN: &str = "www.example.com";

/// Keys of one provider that are tried at most.
const MOST_KEYS: usize = 5;

/// Whether a OneBot connection can be made: the address is free to listen on, or somebody answers there.
#[cfg(feature = "onebot")]
pub(super) async fn onebot(place: &str, section: &OneBotSection, running: bool) -> Finding {
    if section.mode != Mode::Reverse {
        let reached = reach(place, &section.url).await;
        if section.mode == Mode::Forward || reached.mend.is_some() {
            return reached;
        }
    }
    let text = |key: &str| ProblemText::new(key).with("address", section.listen.as_str());
    match TcpListener::bind(&section.listen).await {
        Ok(_) => Finding::good(place, text("check-onebot-free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && running => {
            Finding::good(place, text("check-onebot-served"))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Finding::bad(place, text("check-onebot-in-use"))
        }
        Err(error) => Finding::bad(place, text("check-onebot-unlistenable").with("detail", cause(&error))),
    }
}

/// Whether somebody takes connections at `address`. Nobody there is only a remark: easel keeps trying.
#[cfg(feature = "onebot")]
async fn reach(place: &str, address: &str) -> Finding {
    let Ok(url) = url::Url::parse(address) else {
        let text = ProblemText::new("check-onebot-unreached")
            .with("address", easel_http::redact(address))
            .with("detail", "");
        return Finding::bad(place, text);
    };
    let text = |key: &str| ProblemText::new(key).with("address", host_of(&url));
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Finding::good(place, text("check-onebot-reached")),
        Ok(Err(error)) => {
            Finding::remark(place, text("check-onebot-unreached").with("detail", cause(&error)))
        }
        Err(_) => {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            Finding::remark(place, text("check-onebot-unreached").with("detail", cause(&error)))
        }
    }
}

/// Whether a provider answers and takes one of the first keys, by its list of models, which costs nothing.
pub(super) async fn provider(service: &Service, tools: &Tools) -> Finding {
    let Service { name, section, origin } = service;
    let place = &*service.place();
    let kind = Kind::parse(&section.kind);
    if !kind.is_some_and(Kind::is_remote) {
        return Finding::good(place, ProblemText::new("check-provider-offline"));
    }
    let text = |key: &str, host: &str| origin.tell(ProblemText::new(key), name).with("host", host);
    let unreached = |host: &str, detail: String| {
        Finding::bad(place, text("check-provider-unreached", host).with("detail", cause(detail)))
    };
    let questions = match Questions::new(place, section, tools, PATIENCE) {
        Ok(questions) => questions,
        Err(error) => {
            return unreached(&easel_http::redact(&section.base_url), easel_http::redact(&error.to_string()));
        }
    };
    let host = host_of(questions.base().url());
    let answered = ask(&questions, section).await;
    let text = |key: &str| text(key, &host).with("kind", section.kind.as_str());
    let status = |key: &str, status: u16| text(key).with("status", u64::from(status));
    match answered {
        Ok(listed) if (200..300).contains(&listed.status) && !questions.base().is_full() => {
            Finding::good(place, text("check-provider-good"))
        }
        Ok(listed) => Finding::good(place, status("check-provider-answers", listed.status)),
        Err(ProviderError { class: ErrorClass::Auth, status: Some(refused), .. }) => {
            Finding::bad(place, status("check-provider-refused", refused))
        }
        Err(ProviderError { status: Some(other), .. }) => {
            Finding::good(place, status("check-provider-answers", other))
        }
        Err(error) => unreached(&host, error.detail),
    }
}

/// Asks as the provider itself would. A key that is refused is followed by the next, because one that works is enough
/// to draw.
async fn ask(questions: &Questions, section: &ProviderSection) -> Result<Listed, ProviderError> {
    let keys = section.keys();
    let several = section.basic_auth.expose().is_empty();
    let mut answered = questions.models(keys.first()).await;
    for key in keys.iter().take(MOST_KEYS).skip(1).filter(|_| several) {
        if !answered.as_ref().is_err_and(|error| error.class == ErrorClass::Auth) {
            break;
        }
        answered = questions.models(Some(key)).await;
    }
    answered
}

/// Whether names resolve into the range of made-up addresses, so that picture links would be refused.
pub(super) async fn names(config: &Config, clients: &HttpClients) -> Finding {
    match timeout(PATIENCE, clients.fake_ip_in_use(WELL_KNOWN)).await {
        Ok(Ok(true)) if !config.network.allow_fake_ip => {
            Finding::bad("network", ProblemText::new("check-network-fake-ip"))
        }
        Ok(Ok(_)) => Finding::good("network", ProblemText::new("check-network-good")),
        // easel works without the internet too: with sketches, or with a provider in the same network.
        Ok(Err(error)) => {
            let text = ProblemText::new("check-network-no-names").with("detail", cause(&error));
            Finding::remark("network", text)
        }
        Err(_) => {
            let error = io::Error::from(io::ErrorKind::TimedOut);
            let text = ProblemText::new("check-network-no-names").with("detail", cause(&error));
            Finding::remark("network", text)
        }
    }
}
