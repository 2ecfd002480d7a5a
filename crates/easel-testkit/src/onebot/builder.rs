//! Choices that hold for the whole life of a fake implementation.

use super::{Dialect, FakeOneBot, SELF_ID, peer::Peer};
use crate::tasks::Tasks;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Where a dialling implementation puts its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenIn {
    /// `Authorization: Bearer …`, as nearly all do.
    #[default]
    Header,
    /// `?access_token=…`, as `OneBots` does.
    Query,
}

/// Settings of a fake implementation; [`Builder::build`] makes it.
#[derive(Debug, Clone)]
pub struct Builder {
    pub(super) dialect: Dialect,
    pub(super) self_id: i64,
    pub(super) token: String,
    pub(super) token_in: TokenIn,
    pub(super) heartbeat: Option<Duration>,
    pub(super) cq_strings: bool,
    pub(super) split_roles: bool,
    pub(super) shares_disk: bool,
    pub(super) clock_ahead: i64,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            dialect: Dialect::NapCat,
            self_id: SELF_ID,
            token: String::new(),
            token_in: TokenIn::Header,
            heartbeat: Some(Duration::from_secs(30)),
            cq_strings: false,
            split_roles: false,
            shares_disk: true,
            clock_ahead: 0,
        }
    }
}

impl Builder {
    /// Which implementation to be.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The account's number.
    #[must_use]
    pub fn self_id(mut self, self_id: i64) -> Self {
        self.self_id = self_id;
        self
    }

    /// The token that is shown when dialling and asked for when listening; also the key of HTTP signatures.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    /// Where the token goes when dialling.
    #[must_use]
    pub fn token_in(mut self, place: TokenIn) -> Self {
        self.token_in = place;
        self
    }

    /// Interval of heartbeats from the start; nothing for none.
    #[must_use]
    pub fn heartbeat(mut self, every: Option<Duration>) -> Self {
        self.heartbeat = every;
        self
    }

    /// Messages come as CQ strings instead of lists of segments.
    #[must_use]
    pub fn cq_strings(mut self) -> Self {
        self.cq_strings = true;
        self
    }

    /// Dials two sockets, `Api` and `Event`, as Lagrange does without its universal client.
    #[must_use]
    pub fn split_roles(mut self) -> Self {
        self.split_roles = true;
        self
    }

    /// The implementation runs on another machine or in a container: only files that were uploaded or added
    /// ([`FakeOneBot::add_file`]) can be sent by path.
    #[must_use]
    pub fn other_machine(mut self) -> Self {
        self.shares_disk = false;
        self
    }

    /// By how many seconds the clocks of the implementation and of QQ's servers are ahead of this machine's, or behind
    /// it where negative: what an application on a machine with a wrong clock sees.
    #[must_use]
    pub fn clock_ahead(mut self, seconds: i64) -> Self {
        self.clock_ahead = seconds;
        self
    }

    /// Makes the implementation; it is not connected yet.
    pub fn build(self) -> FakeOneBot {
        FakeOneBot {
            peer: Arc::new(Peer::new(self)),
            links: Tasks::default(),
            servers: Tasks::default(),
            dialled: Mutex::default(),
        }
    }
}
