//! Which job runs next: pure bookkeeping, fair between chats.
//!
//! Clips have places of their own. A service works on one for minutes, in which easel only asks now and then how far it
//! is; were a clip to take a picture's place, its chat or its person would wait those minutes for a picture that takes
//! seconds. So the limits per chat and per person count pictures and clips apart, and clips take at most half of all
//! places, which leaves the rest to pictures whatever the clips do; where there is a single place, clips have one beside it.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::ids::{AccountId, Chat, JobId, Platform, UserId};

/// Accounts of the bot.
pub type Accounts = HashSet<(Platform, AccountId)>;

/// What a job makes: each kind has its own places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Pictures: seconds, some of them busy.
    Pictures,
    /// A clip: minutes of waiting.
    Clips,
}

/// How many jobs may run and wait. 0 is read as 1: a bound that admits nothing would stop easel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleLimits {
    /// Running, overall; half of it (at least one) for clips at most.
    pub max_running: usize,
    /// Pictures running in one chat, and clips beside them.
    pub max_running_per_chat: usize,
    /// Pictures running for one person. Of clips, nobody has more than one that runs or waits.
    pub max_running_per_user: usize,
    /// Waiting for a place or for a provider, overall. One chat may hold a quarter of it, one person a tenth, so that
    /// nobody fills the queue alone.
    pub max_waiting: usize,
}

impl ScheduleLimits {
    fn most_clips(&self) -> usize {
        (self.max_running / 2).max(1)
    }

    fn waiting_per_chat(&self) -> usize {
        (self.max_waiting / 4).max(4)
    }

    fn waiting_per_user(&self) -> usize {
        (self.max_waiting / 10).max(2)
    }
}

/// A job may not even wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFull {
    /// Nobody's may.
    Overall,
    /// This chat has too many.
    Chat {
        /// How many may wait.
        max: usize,
    },
    /// This person has too many.
    User {
        /// How many may wait.
        max: usize,
    },
    /// This person has a clip already, running or waiting.
    Clip,
}

/// What happens to a new job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It runs now.
    Start,
    /// It waits; so many jobs will start before it, as far as can be told now.
    Wait {
        /// Jobs ahead, plus one.
        position: usize,
    },
}

#[derive(Clone, Debug)]
struct Waiting {
    job: JobId,
    lane: Lane,
    user: UserId,
}

#[derive(Debug)]
struct Running {
    lane: Lane,
    chat: Chat,
    user: UserId,
    /// It waits for a provider that works for others: it takes none of all places, and keeps that of its chat and person.
    aside: bool,
}

/// What runs in one lane.
#[derive(Debug, Default)]
struct Counts {
    /// Without those that stepped aside.
    all: usize,
    by_chat: HashMap<Chat, usize>,
    by_user: HashMap<UserId, usize>,
}

impl Counts {
    fn of_chat(&self, chat: &Chat) -> usize {
        self.by_chat.get(chat).copied().unwrap_or(0)
    }

    fn of_user(&self, user: &UserId) -> usize {
        self.by_user.get(user).copied().unwrap_or(0)
    }
}

/// Running and waiting jobs.
#[derive(Debug)]
pub struct Schedule {
    limits: ScheduleLimits,
    running: HashMap<JobId, Running>,
    /// Of them, those that wait for a provider.
    aside: usize,
    pictures: Counts,
    clips: Counts,
    /// Chats with waiting jobs; the one whose turn it is stands first.
    turns: VecDeque<Chat>,
    queues: HashMap<Chat, VecDeque<Waiting>>,
    /// Jobs that had their turn while their account was away: they have no place, and wait for it in no queue.
    parked: HashMap<JobId, (Chat, Waiting)>,
    /// Jobs that are done or have failed, and could not be brought or told. Nobody waits behind them, but their account is
    /// asked for no more than it could tell one day.
    lingering: HashMap<JobId, (Chat, UserId)>,
}

impl Schedule {
    /// An empty schedule.
    pub fn new(limits: ScheduleLimits) -> Self {
        Self {
            limits,
            running: HashMap::new(),
            aside: 0,
            pictures: Counts::default(),
            clips: Counts::default(),
            turns: VecDeque::new(),
            queues: HashMap::new(),
            parked: HashMap::new(),
            lingering: HashMap::new(),
        }
    }

    /// Changes the limits; running jobs are never stopped by it. Returns jobs that may start now.
    pub fn set_limits(&mut self, limits: ScheduleLimits) -> Vec<JobId> {
        self.limits = limits;
        self.start_ready()
    }

    /// Jobs waiting for a place or, after they had one, for a provider or for their account.
    pub fn waiting(&self) -> usize {
        self.queued_or_aside() + self.parked.len()
    }

    fn queued_or_aside(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum::<usize>() + self.aside
    }

    /// The accounts of the jobs that wait in the queue or for a provider.
    pub fn accounts(&self) -> Accounts {
        let aside = self.running.values().filter(|running| running.aside).map(|running| &running.chat);
        let chats = self.queues.keys().chain(aside);
        chats.map(|chat| (chat.platform.clone(), chat.account.clone())).collect()
    }

    /// Jobs running.
    pub fn running(&self) -> usize {
        self.running.len() - self.aside
    }

    /// Takes a new job in.
    ///
    /// # Errors
    /// When it may neither run nor wait.
    pub fn admit(
        &mut self,
        job: JobId,
        lane: Lane,
        chat: &Chat,
        user: &UserId,
    ) -> Result<Admission, QueueFull> {
        self.admit_past(job, lane, (chat, user), &Accounts::new())
    }

    /// The same while these accounts are away: what waits for them is in the way of their own jobs only.
    ///
    /// # Errors
    /// When it may neither run nor wait.
    pub fn admit_past(
        &mut self,
        job: JobId,
        lane: Lane,
        (chat, user): (&Chat, &UserId),
        away: &Accounts,
    ) -> Result<Admission, QueueFull> {
        if lane == Lane::Clips && self.has_clip(user) {
            return Err(QueueFull::Clip);
        }
        // Whoever waits can't run now: every change of the limits and every end starts all who can.
        if self.may_run(lane, chat, user) {
            if self.aside > 0 || self.left_behind(chat).next().is_some() {
                // It may have to wait where the others do, and would find their places free.
                self.room_to_wait(chat, user, (false, away))?;
            }
            self.start(job, lane, chat.clone(), user.clone());
            return Ok(Admission::Start);
        }
        self.room_to_wait(chat, user, (true, away))?;
        Ok(self.wait(job, lane, chat, user))
    }

    /// Whose jobs wait for the account of this chat, parked or lingering.
    fn left_behind(&self, chat: &Chat) -> impl Iterator<Item = (&Chat, &UserId)> {
        let parked = self.parked.values().map(|(of, parked)| (of, &parked.user));
        let lingering = self.lingering.values().map(|(of, user)| (of, user));
        parked.chain(lingering).filter(|(of, _)| same_account(of, chat))
    }

    /// Whether one more may wait, beside all those aside; with `behind` also behind those of its chat and of its person in
    /// the queue. Those that are parked, or linger, and all whose account is among those `away`, are in the way of their own
    /// account only: it may be away for hours.
    fn room_to_wait(
        &self,
        chat: &Chat,
        user: &UserId,
        (behind, away): (bool, &Accounts),
    ) -> Result<(), QueueFull> {
        let is_away = |of: &Chat| away.contains(&(of.platform.clone(), of.account.clone()));
        let counts = |of: &Chat| same_account(of, chat) || away.is_empty() || !is_away(of);
        let aside = |is: &dyn Fn(&Chat, &UserId) -> bool| {
            let aside = self.running.values().filter(|running| running.aside && counts(&running.chat));
            aside.filter(|running| is(&running.chat, &running.user)).count()
                + self.left_behind(chat).filter(|(of, user)| is(of, user)).count()
        };
        let queues: Vec<_> = self.queues.iter().filter(|(of, _)| counts(of)).collect();
        let overall = queues.iter().map(|(_, queue)| queue.len()).sum::<usize>() + aside(&|_, _| true);
        if overall >= self.limits.max_waiting {
            return Err(QueueFull::Overall);
        }
        let (mut of_chat, mut mine) = (aside(&|of, _| of == chat), aside(&|_, of| of == user));
        if behind {
            let all = queues.iter().flat_map(|(_, queue)| queue.iter());
            mine += all.filter(|waiting| waiting.user == *user).count();
            of_chat += self.queues.get(chat).map_or(0, VecDeque::len);
        }
        let max = self.limits.waiting_per_chat();
        if of_chat >= max {
            return Err(QueueFull::Chat { max });
        }
        let max = self.limits.waiting_per_user();
        if mine >= max {
            return Err(QueueFull::User { max });
        }
        Ok(())
    }

    /// Takes a job of an earlier run in: it was accepted once and is never refused.
    pub fn readmit(&mut self, job: JobId, lane: Lane, chat: &Chat, user: &UserId) -> Admission {
        if self.may_run(lane, chat, user) {
            self.start(job, lane, chat.clone(), user.clone());
            return Admission::Start;
        }
        self.wait(job, lane, chat, user)
    }

    /// Whether a clip of this person runs or waits, in whatever chat.
    fn has_clip(&self, user: &UserId) -> bool {
        let waits = |waiting: &Waiting| waiting.lane == Lane::Clips && waiting.user == *user;
        let mut all = self.queues.values().flatten().chain(self.parked.values().map(|(_, parked)| parked));
        self.clips.of_user(user) > 0 || all.any(waits)
    }

    fn wait(&mut self, job: JobId, lane: Lane, chat: &Chat, user: &UserId) -> Admission {
        let queue = self.queues.entry(chat.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(chat.clone());
        }
        queue.push_back(Waiting { job, lane, user: user.clone() });
        Admission::Wait { position: self.position(job).unwrap_or(1) }
    }

    /// The account of a running job is away: others have its place. Returns jobs that may start now.
    pub fn park(&mut self, job: JobId) -> Vec<JobId> {
        if let Some(Running { lane, chat, user, .. }) = self.running.get(&job) {
            let parked = (chat.clone(), Waiting { job, lane: *lane, user: user.clone() });
            self.parked.insert(job, parked);
        }
        self.forget_running(job);
        self.start_ready()
    }

    /// Its account is back: it starts when there is a place again.
    pub fn unpark(&mut self, job: JobId) -> Admission {
        match self.parked.remove(&job) {
            Some((chat, Waiting { lane, user, .. })) => self.readmit(job, lane, &chat, &user),
            None => Admission::Start,
        }
    }

    /// A job is done or has failed, and can't be brought or told now: it has no place, and leaves room for fewer others of
    /// its account until it is removed. Returns jobs that may start now.
    pub fn linger(&mut self, job: JobId, chat: &Chat, user: &UserId) -> Vec<JobId> {
        let started = self.remove(job);
        self.lingering.insert(job, (chat.clone(), user.clone()));
        started
    }

    /// Removes a job, running, waiting or lingering. Returns jobs that may start now.
    pub fn remove(&mut self, job: JobId) -> Vec<JobId> {
        self.lingering.remove(&job);
        if !self.forget_running(job) && self.parked.remove(&job).is_none() {
            for queue in self.queues.values_mut() {
                queue.retain(|waiting| waiting.job != job);
            }
            self.forget_empty();
        }
        self.start_ready()
    }

    /// Whether it was running.
    fn forget_running(&mut self, job: JobId) -> bool {
        if let Some(Running { lane, chat, user, aside }) = self.running.remove(&job) {
            self.aside -= usize::from(aside);
            let counts = self.counts(lane);
            counts.all -= usize::from(!aside);
            decrease(&mut counts.by_chat, &chat);
            decrease(&mut counts.by_user, &user);
            return true;
        }
        false
    }

    /// A running job waits for a provider: others may have its place, its chat and its person have no further one.
    /// Returns jobs that may start now.
    pub fn step_aside(&mut self, job: JobId) -> Vec<JobId> {
        self.set_aside(job, true);
        self.start_ready()
    }

    /// It goes on, also when its place is taken: so many more run for a while as providers have turns.
    pub fn step_back(&mut self, job: JobId) {
        self.set_aside(job, false);
    }

    fn set_aside(&mut self, job: JobId, aside: bool) {
        let Some(running) = self.running.get_mut(&job).filter(|running| running.aside != aside) else {
            return;
        };
        running.aside = aside;
        let lane = running.lane;
        let counts = self.counts(lane);
        if aside {
            counts.all -= 1;
            self.aside += 1;
        } else {
            counts.all += 1;
            self.aside -= 1;
        }
    }

    /// How many jobs start before this waiting one, plus one; `None` when it does not wait.
    pub fn position(&self, job: JobId) -> Option<usize> {
        let (chat, index) = self.queues.iter().find_map(|(chat, queue)| {
            queue.iter().position(|waiting| waiting.job == job).map(|index| (chat, index))
        })?;
        let mut before = true;
        let mut ahead = 0;
        for other in &self.turns {
            if other == chat {
                before = false;
                ahead += index;
            } else {
                let turns = if before { index + 1 } else { index };
                ahead += self.queues.get(other).map_or(0, |queue| queue.len().min(turns));
            }
        }
        Some(ahead + 1)
    }

    fn counts(&mut self, lane: Lane) -> &mut Counts {
        match lane {
            Lane::Pictures => &mut self.pictures,
            Lane::Clips => &mut self.clips,
        }
    }

    fn may_run(&self, lane: Lane, chat: &Chat, user: &UserId) -> bool {
        let ScheduleLimits { max_running, max_running_per_chat, max_running_per_user, .. } = self.limits;
        let (counts, per_user, room) = match lane {
            Lane::Pictures => (&self.pictures, max_running_per_user, true),
            Lane::Clips => (&self.clips, 1, self.clips.all < self.limits.most_clips()),
        };
        // With a single place a clip would hold it for minutes: it gets one of its own then.
        let taken = if max_running <= 1 { counts.all } else { self.running() };
        room && taken < max_running.max(1)
            && counts.of_chat(chat) < max_running_per_chat.max(1)
            && counts.of_user(user) < per_user.max(1)
    }

    fn start(&mut self, job: JobId, lane: Lane, chat: Chat, user: UserId) {
        let counts = self.counts(lane);
        counts.all += 1;
        *counts.by_chat.entry(chat.clone()).or_default() += 1;
        *counts.by_user.entry(user.clone()).or_default() += 1;
        self.running.insert(job, Running { lane, chat, user, aside: false });
    }

    /// Starts every waiting job that may run, one per chat and turn.
    fn start_ready(&mut self) -> Vec<JobId> {
        let mut started = Vec::new();
        loop {
            let mut found = None;
            for (turn, chat) in self.turns.iter().enumerate() {
                let Some(queue) = self.queues.get(chat) else { continue };
                // A person's own limit must not hold up the others of the chat, nor clips the pictures.
                let may = |waiting: &Waiting| self.may_run(waiting.lane, chat, &waiting.user);
                if let Some(index) = queue.iter().position(may) {
                    found = Some((turn, index));
                    break;
                }
                if self.running() >= self.limits.max_running.max(2) {
                    break;
                }
            }
            let Some((turn, index)) = found else { break };
            let Some(chat) = self.turns.remove(turn) else { break };
            if let Some(waiting) = self.queues.get_mut(&chat).and_then(|queue| queue.remove(index)) {
                started.push(waiting.job);
                self.start(waiting.job, waiting.lane, chat.clone(), waiting.user);
            }
            self.turns.push_back(chat);
            self.forget_empty();
        }
        started
    }

    fn forget_empty(&mut self) {
        self.queues.retain(|_, queue| !queue.is_empty());
        self.turns.retain(|chat| self.queues.contains_key(chat));
    }
}

fn same_account(a: &Chat, b: &Chat) -> bool {
    a.account == b.account && a.platform == b.platform
}

fn decrease<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
