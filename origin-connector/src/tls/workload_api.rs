//! Identities and authorities from an agent of SPIFFE: the SPIFFE Workload API, in place of files.
//!
//! One call is kept open to each agent, which answers it as often as something is new. What it said
//! last stays, whatever becomes of the agent.

mod answer;
mod call;
mod message;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backoff::Backoff;
use crate::config::{Endpoint, TlsPaths};
use crate::metrics::{AgentLabels, Metrics};
pub(super) use answer::Answer;
use call::{Call, CallError};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What each agent said last.
pub(super) type Answers = BTreeMap<Endpoint, Arc<Answer>>;

/// The agents that a configuration names, each asked once, whoever needs its answers.
#[derive(Debug)]
pub(super) struct Agents {
    agents: Vec<Arc<Agent>>,
    /// Told of each answer, and of each failure.
    news: Arc<Notify>,
    /// How many answers there were.
    answered: watch::Sender<u64>,
    /// Ends along with this.
    _asking: JoinSet<()>,
}

#[derive(Debug)]
struct Agent {
    endpoint: Endpoint,
    standing: Mutex<Standing>,
    news: Arc<Notify>,
    answered: watch::Sender<u64>,
    /// Somebody wants the next attempt to be now.
    now: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Standing {
    answer: Option<Arc<Answer>>,
    failure: Option<Failure>,
}

/// Why an agent does not answer.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether it is not asked again.
    pub(super) is_final: bool,
    since: SystemTime,
}

impl Agents {
    /// Begins to ask.
    pub(super) fn start(paths: &TlsPaths, metrics: &Arc<Metrics>) -> Self {
        let news = Arc::new(Notify::new());
        let answered = watch::Sender::new(0);
        let mut agents: Vec<Arc<Agent>> = Vec::new();
        let mut asking = JoinSet::new();
        for (_, section) in paths.workload_apis() {
            let endpoint = &section.endpoint;
            if agents.iter().any(|agent| agent.endpoint == *endpoint) {
                continue;
            }
            let agent = Arc::new(Agent {
                endpoint: endpoint.clone(),
                standing: Mutex::default(),
                news: news.clone(),
                answered: answered.clone(),
                now: Notify::new(),
                metrics: metrics.clone(),
            });
            agent.measure(false);
            asking.spawn(agent.clone().keep());
            agents.push(agent);
        }
        Self {
            agents,
            news,
            answered,
            _asking: asking,
        }
    }

    /// Whether these are the agents that a configuration names.
    pub(super) fn are_those_of(&self, paths: &TlsPaths) -> bool {
        let named: BTreeSet<&Endpoint> = paths
            .workload_apis()
            .map(|(_, section)| &section.endpoint)
            .collect();
        named == self.agents.iter().map(|agent| &agent.endpoint).collect()
    }

    /// Says of each whether it answers.
    pub(super) fn measure(&self) {
        for agent in &self.agents {
            let answers =
                |standing: &mut Standing| standing.answer.is_some() && standing.failure.is_none();
            agent.measure(agent.standing(answers));
        }
    }

    /// What they said last; nothing of those that have said nothing.
    pub(super) fn answers(&self) -> Answers {
        let answer = |agent: &Arc<Agent>| {
            let answer = agent.standing(|standing| standing.answer.clone())?;
            Some((agent.endpoint.clone(), answer))
        };
        self.agents.iter().filter_map(answer).collect()
    }

    /// Those that do not answer now.
    pub(super) fn failures(&self) -> Vec<(&Endpoint, Failure)> {
        let failure = |agent: &'_ Arc<Agent>| agent.standing(|standing| standing.failure.clone());
        let agents = self.agents.iter();
        agents
            .filter_map(|agent| Some((&agent.endpoint, failure(agent)?)))
            .collect()
    }

    /// Why the one at `endpoint` does not answer now.
    pub(super) fn failure(&self, endpoint: &str) -> Option<Failure> {
        let mut failures = self.failures().into_iter();
        let failure = failures.find(|(of, _)| of.to_string() == endpoint);
        failure.map(|(_, failure)| failure)
    }

    /// Changes with each new answer.
    pub(super) fn heard(&self) -> watch::Receiver<u64> {
        self.answered.subscribe()
    }

    /// Ready once there is an answer or a failure since this was last awaited.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Has those asked again at once that do not answer.
    pub(super) fn retry(&self) {
        for agent in &self.agents {
            agent.now.notify_one();
        }
    }
}

/// Who is not asked any more is not counted.
impl Drop for Agents {
    fn drop(&mut self) {
        for agent in &self.agents {
            agent.metrics.agents.remove(&agent.labels());
        }
    }
}

impl Failure {
    /// For how long it has been so.
    pub(super) fn lasts(&self) -> Duration {
        let since = SystemTime::now().duration_since(self.since);
        Duration::from_secs(since.unwrap_or_default().as_secs())
    }
}

impl Agent {
    async fn keep(self: Arc<Self>) {
        let mut backoff = Backoff::new(LONGEST_PAUSE);
        loop {
            let error = self.listen(&mut backoff).await;
            let is_final = error.is_final();
            self.fail(&error.to_string(), is_final);
            if is_final {
                // SPIFFE Workload Endpoint §6: to ask again is of no use, until somebody has seen to it.
                self.now.notified().await;
                backoff.reset();
            } else {
                let pause = backoff.pause(fastrand::f64());
                if timeout(pause, self.now.notified()).await.is_ok() {
                    backoff.reset();
                }
            }
        }
    }

    /// Takes answers until there are no more.
    async fn listen(&self, backoff: &mut Backoff) -> CallError {
        let mut call = match Call::open(&self.endpoint).await {
            Ok(call) => call,
            Err(error) => return error,
        };
        loop {
            let octets = match call.next().await {
                Ok(octets) => octets,
                Err(error) => return error,
            };
            match Answer::read(&octets) {
                Ok(answer) => {
                    backoff.reset();
                    self.take(answer);
                }
                // SPIFFE Workload API §4.5: reported and discarded. The next one may be better.
                Err(error) => self.fail(&format!("its answer does not hold: {error}"), false),
            }
        }
    }

    fn take(&self, answer: Answer) {
        let (failure, is_new) = self.standing(|standing| {
            let is_new = standing.answer.as_deref() != Some(&answer);
            if is_new {
                standing.answer = Some(Arc::new(answer));
            }
            (standing.failure.take(), is_new)
        });
        self.measure(true);
        let endpoint = &self.endpoint;
        if failure.is_some() {
            tracing::info!(%endpoint, "the workload API answers again");
        }
        if is_new {
            self.answered.send_modify(|count| *count += 1);
            self.news.notify_one();
        }
    }

    /// Said once for each reason: an agent may be away for long.
    fn fail(&self, reason: &str, is_final: bool) {
        let is_new = self.standing(|standing| {
            let before = standing.failure.take();
            let is_new = before.as_ref().is_none_or(|before| before.reason != reason);
            standing.failure = Some(Failure {
                reason: reason.to_owned(),
                is_final,
                since: before.map_or_else(SystemTime::now, |before| before.since),
            });
            is_new
        });
        self.measure(false);
        if is_new {
            let endpoint = &self.endpoint;
            tracing::warn!(%endpoint, reason, is_final, "the workload API does not answer");
            self.news.notify_one();
        }
    }

    fn standing<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn measure(&self, answers: bool) {
        let gauge = self.metrics.agents.get_or_create(&self.labels());
        gauge.set(i64::from(answers));
    }

    fn labels(&self) -> AgentLabels {
        AgentLabels {
            endpoint: self.endpoint.to_string(),
        }
    }
}
