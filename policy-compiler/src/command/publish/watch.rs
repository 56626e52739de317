//! A roll-out that is watched: it steps on, or back, by what the access records say.
//!
//! What is in force is the only memory. A roll-out that is interrupted stays where it is, and the
//! same command goes on from there.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tidegate_policy_compiler::publish::{Channel, PublishError, Retrying, SinkError, Store, Terms};
use tidegate_policy_compiler::rollout::{Feed, Judgement, Records, Rules, Tally, Verdict, judge};
use tidegate_shared::channel::Statement;
use tidegate_shared::digest::Digest;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Span};
use tokio::time::{Instant, sleep};

use super::super::channel::{self, Holds};
use super::super::history::Format;
use super::super::{Failure, output};
use super::show::{End, Show};

/// How often records are read.
const TICK: Duration = Duration::from_millis(250);
/// How often the channel is looked at, and a way back is tried again that failed.
const LOOK: Duration = Duration::from_secs(5);
const EVERYONE: Percent = Percent(100);
/// The exit status where the bundle was rolled back.
const ROLLED_BACK: u8 = 3;
/// The exit status where nothing could be decided; the roll-out stays where it is.
const GAVE_UP: u8 = 4;
/// The exit status of what Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// How a roll-out is watched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching the roll-out")]
pub(super) struct Watch {
    /// Step on or roll back by these access records: a file that grows, one JSON object a line, or
    /// `-` for standard input; give it again for more
    #[arg(long = "watch", value_name = "FILE")]
    records: Vec<Records>,
    /// The shares of gateways to step through; all of them come last
    #[arg(
        long,
        value_name = "P%,…",
        value_delimiter = ',',
        requires = "records",
        default_value = "5%,25%,50%"
    )]
    steps: Vec<Percent>,
    /// Requests of each bundle, in a step, before anything is decided
    #[arg(long, requires = "records", value_name = "N", default_value_t = 200)]
    minimum_requests: u64,
    /// How sure to be that a bundle that is no worse is not rolled back, in the whole roll-out
    #[arg(long, requires = "records", value_name = "P%", default_value = "95%")]
    confidence: Percent,
    /// How much more of the old bundle's rates and durations is no worse
    #[arg(long, requires = "records", value_name = "P%", default_value = "25%")]
    tolerance: Percent,
    /// Step on once no measure can be worse than tolerated for more than this share of requests
    #[arg(long, requires = "records", value_name = "P%", default_value = "1%")]
    margin: Percent,
    /// The quantile of durations that is compared
    #[arg(long, requires = "records", value_name = "P%", default_value = "95%")]
    quantile: Percent,
    /// Records that are passed over after each step, until gateways have followed and are warm
    #[arg(long, requires = "records", value_name = "SPAN", default_value = "15s")]
    settle: Span,
    /// How long each step is watched at least
    #[arg(long, requires = "records", value_name = "SPAN", default_value = "1m")]
    step_minimum: Span,
    /// How long a step may stay undecided
    #[arg(long, requires = "records", value_name = "SPAN", default_value = "1h")]
    step_maximum: Span,
}

impl Watch {
    pub(super) fn is_asked_for(&self) -> bool {
        !self.records.is_empty()
    }

    /// Publishes, and watches.
    pub(super) fn run(
        &self,
        bundle: &[u8],
        store: Channel<Retrying<Store>>,
        key: &SigningKey,
        holds: &Holds,
        format: Format,
    ) -> Result<ExitCode, Failure> {
        let first = self.first(holds)?;
        let rollout = Rollout {
            watch: self,
            store,
            terms: holds.terms(key),
            bundle,
            feed: Feed::open(&self.records)?,
            rules: self.rules(first),
            show: Show::new(format),
        };
        channel::wait(async {
            tokio::select! {
                ended = rollout.run(first) => ended,
                _ = tokio::signal::ctrl_c() => {
                    output::complain(
                        "interrupted: the roll-out stays where it is; the same command goes on from there",
                    );
                    Ok(ExitCode::from(INTERRUPTED))
                }
            }
        })?
    }

    /// The share that begins.
    fn first(&self, holds: &Holds) -> Result<Percent, Failure> {
        let asked = Some(holds.rollout).filter(|share| *share < EVERYONE);
        let first = asked.or_else(|| self.after(Percent(0)));
        first.ok_or_else(|| {
            "`--watch` needs a step below 100%: there is nothing to compare with beyond".into()
        })
    }

    /// The next step below all gateways.
    fn after(&self, share: Percent) -> Option<Percent> {
        let steps = self.steps.iter().copied();
        steps.filter(|step| share < *step && *step < EVERYONE).min()
    }

    fn rules(&self, first: Percent) -> Rules {
        let steps = std::iter::successors(Some(first), |step| self.after(*step));
        Rules {
            minimum: self.minimum_requests,
            confidence: self.confidence,
            decisions: u64::try_from(steps.count()).unwrap_or(u64::MAX),
            tolerance: self.tolerance,
            margin: self.margin,
            quantile: self.quantile,
        }
    }
}

/// A roll-out under way.
struct Rollout<'w> {
    watch: &'w Watch,
    store: Channel<Retrying<Store>>,
    terms: Terms<'w>,
    bundle: &'w [u8],
    feed: Feed,
    rules: Rules,
    show: Show,
}

impl Rollout<'_> {
    async fn run(mut self, first: Percent) -> Result<ExitCode, Failure> {
        let mut statement = self.begin(first).await?;
        while statement.rollout < EVERYONE {
            let began = Instant::now();
            let (judgement, tally) = self.step(&statement).await?;
            let ended = |end| End {
                end,
                statement: &statement,
                watched: began.elapsed(),
                judgement: &judgement,
                tally: &tally,
            };
            match judgement.verdict {
                Verdict::StepOn => {
                    self.show.end(&ended("stepped-on"));
                    let next = self.watch.after(statement.rollout).unwrap_or(EVERYONE);
                    let terms = self.terms(next, Some(statement.sequence));
                    statement = self.store.publish(self.bundle, &terms).await?;
                    self.show.published(&statement);
                }
                Verdict::RollBack => {
                    let back = self.roll_back(&statement).await?;
                    self.show.end(&ended("rolled-back"));
                    self.show.published(&back);
                    return Ok(ExitCode::from(ROLLED_BACK));
                }
                Verdict::Hold => {
                    self.show.end(&ended("gave-up"));
                    return Ok(ExitCode::from(GAVE_UP));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Publishes, or goes on with what was interrupted.
    async fn begin(&self, first: Percent) -> Result<Statement, Failure> {
        let current = self.store.current().await?.map(|current| current.statement);
        let statement = match current {
            Some(current)
                if current.bundle == Digest::of(self.bundle) && current.rollout >= first =>
            {
                current
            }
            current => {
                let before = current.map_or(0, |current| current.sequence);
                let terms = self.terms(first, Some(before));
                self.store.publish(self.bundle, &terms).await?
            }
        };
        self.show.published(&statement);
        Ok(statement)
    }

    fn terms(&self, rollout: Percent, after: Option<u64>) -> Terms<'_> {
        Terms {
            now: channel::now(),
            rollout,
            after,
            ..self.terms.clone()
        }
    }

    /// Watches a step until it is decided, or has lasted too long.
    async fn step(&mut self, statement: &Statement) -> Result<(Judgement, Tally), Failure> {
        // A statement for a part of the readers has one.
        let previous = statement.previous.unwrap_or(statement.bundle);
        let mut tally = Tally::of(previous, statement.bundle);
        let span = |span: Span| Duration::from_millis(span.0);
        let (settled, least, most) = (
            span(self.watch.settle),
            span(self.watch.step_minimum),
            span(self.watch.step_maximum),
        );
        let began = Instant::now();
        let mut looked = began;
        loop {
            self.feed.take(|line| tally.line(line))?;
            let lasted = began.elapsed();
            if lasted < settled {
                tally.clear();
            }
            let judgement = judge(&tally.old, &tally.new, &self.rules);
            self.show.progress(statement, lasted, &tally);
            let decided = match judgement.verdict {
                Verdict::RollBack => true,
                Verdict::StepOn => lasted >= least,
                Verdict::Hold => lasted >= most || self.feed.ended(),
            };
            if decided {
                return Ok((judgement, tally));
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look(statement).await?;
            }
            sleep(TICK).await;
        }
    }

    /// Whether the statement is still in force. A store that cannot be read for a while is no
    /// reason to end: nothing is published over what it has.
    async fn look(&self, statement: &Statement) -> Result<(), Failure> {
        let found = match self.store.current().await {
            Ok(current) => current.map_or(0, |current| current.statement.sequence),
            Err(PublishError::Sink(error @ SinkError::Transient { .. })) => {
                self.show.trouble(&error);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if found == statement.sequence {
            return Ok(());
        }
        Err(PublishError::Overtaken {
            channel: self.store.name.clone(),
            expected: statement.sequence,
            found,
        }
        .into())
    }

    /// Goes back, and tries again for as long as a step may last: meanwhile a bad bundle is out.
    async fn roll_back(&self, statement: &Statement) -> Result<Statement, Failure> {
        let began = Instant::now();
        loop {
            let terms = self.terms(EVERYONE, Some(statement.sequence));
            match self.store.roll_back(None, &terms).await {
                Err(PublishError::Sink(error @ SinkError::Transient { .. }))
                    if began.elapsed() < Duration::from_millis(self.watch.step_maximum.0) =>
                {
                    self.show.trouble(&error);
                    sleep(LOOK).await;
                }
                Err(error) => {
                    return Err(
                        format!("the bundle is worse and cannot be rolled back: {error}").into(),
                    );
                }
                Ok(back) => return Ok(back),
            }
        }
    }
}
