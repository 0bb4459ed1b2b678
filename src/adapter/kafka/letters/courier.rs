//! The thread that carries letters: it owns the producers, hears what became of each letter and decides what happens next.
//!
//! A batch is refused as a whole, so a refusal says nothing about one letter until it was sent alone: a second producer, made when
//! first needed, sends batches of one. Only what is refused there loses its value or is given up.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::Refusal;
use super::clerk::Clerk;
use super::parcel::{Form, Parcel, Ticket};
use crate::adapter::kafka::client::{self, Events};
use crate::adapter::kafka::preflight::unusable;
use crate::adapter::kafka::settings::Settings;
use crate::adapter::kafka::trouble::Trouble;

/// How long a letter that failed for now waits before it goes again.
const PAUSE: Duration = Duration::from_secs(1);
/// Letters handed to the client between two looks at what came back.
const HANDFUL: usize = 1_000;

/// What became of a letter.
enum Outcome {
    Delivered(Box<Ticket>),
    Failed(Parcel, RDKafkaErrorCode),
}

struct CourierContext {
    events: Events,
    outcomes: Sender<Outcome>,
}

impl ClientContext for CourierContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.events.overhear(facility, message);
        client::log(level, facility, message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.events.note(&error, reason);
    }
}

impl ProducerContext for CourierContext {
    type DeliveryOpaque = Box<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Box<Ticket>) {
        let outcome = match result {
            Ok(_) => Outcome::Delivered(ticket),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                Outcome::Failed(Parcel::returned(ticket, message), code)
            }
        };
        // The receiver lives as long as the producers; while both are being dropped nobody asks any more.
        _ = self.outcomes.send(outcome);
    }
}

/// What to do with a letter that failed.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Again at once, in this form.
    Reshape(Form),
    /// Again as it is, after a pause.
    Wait,
    GiveUp(&'static str),
}

/// Judges one failure. Everything that is not a definite refusal may pass.
fn judge(code: RDKafkaErrorCode, form: Form) -> Next {
    use RDKafkaErrorCode as Code;
    let alone = Form { alone: true, ..form };
    match code {
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::TransactionalIdAuthorizationFailed => {
            Next::GiveUp("dead_letter_unauthorized")
        }
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => match form {
            Form { alone: false, .. } => Next::Reshape(alone),
            Form { bare: false, .. } => Next::Reshape(Form { bare: true, ..form }),
            _ => Next::GiveUp("dead_letter_too_large"),
        },
        Code::InvalidTimestamp => match form {
            Form { alone: false, .. } => Next::Reshape(alone),
            Form { redated: false, .. } => Next::Reshape(Form { redated: true, ..form }),
            _ => Next::GiveUp("dead_letter_invalid"),
        },
        Code::InvalidRecord
        | Code::PolicyViolation
        | Code::InvalidTopic
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType => match form {
            Form { alone: false, .. } => Next::Reshape(alone),
            _ => Next::GiveUp("dead_letter_invalid"),
        },
        // Another letter of the batch was to blame.
        Code::InvalidDifferentRecord if !form.alone => Next::Reshape(alone),
        _ => Next::Wait,
    }
}

/// Makes the client's own refusal of a size definite: it looked at one letter, not at a batch.
fn judge_local(code: RDKafkaErrorCode, form: Form) -> Next {
    judge(code, Form { alone: true, ..form })
}

/// See the head of the file.
pub struct Courier {
    settings: Settings,
    clerk: Clerk,
    inbox: Receiver<Parcel>,
    events: Events,
    outcomes: (Sender<Outcome>, Receiver<Outcome>),
    batches: BaseProducer<CourierContext>,
    single: Option<BaseProducer<CourierContext>>,
    waiting: VecDeque<(Instant, Parcel)>,
}

impl Courier {
    pub fn new(settings: &Settings, clerk: Clerk, inbox: Receiver<Parcel>) -> Result<Courier, Trouble> {
        let outcomes = crossbeam_channel::unbounded(); // bounded by the ledger
        let events = Events::default();
        let batches = producer(settings, false, &events, &outcomes.0).map_err(|error| unusable(&error))?;
        let settings = settings.clone();
        Ok(Courier { settings, clerk, inbox, events, outcomes, batches, single: None, waiting: VecDeque::new() })
    }

    /// Works until the inbox is closed.
    pub fn run(mut self) {
        loop {
            match self.inbox.recv_timeout(self.rest()) {
                Ok(parcel) => {
                    self.post(parcel);
                    let more: Vec<Parcel> = self.inbox.try_iter().take(HANDFUL).collect();
                    more.into_iter().for_each(|parcel| self.post(parcel));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.hear();
            self.post_waiting();
            self.replace_broken();
        }
    }

    /// How long to wait for a new letter: not at all while acknowledgements are expected, since waiting for those is what
    /// [`Courier::hear`] does.
    fn rest(&self) -> Duration {
        let expecting = self.batches.in_flight_count() > 0 || self.single.as_ref().is_some_and(|one| one.in_flight_count() > 0);
        match (expecting, self.waiting.is_empty()) {
            (true, _) => Duration::ZERO,
            (false, false) => Duration::from_millis(20),
            (false, true) => Duration::from_millis(100),
        }
    }

    /// Hands a letter to the client.
    fn post(&mut self, parcel: Parcel) {
        let form = parcel.ticket.form;
        if form.alone && self.single.is_none() {
            self.single = producer(&self.settings, true, &self.events, &self.outcomes.0).ok();
        }
        let Some(producer) = self.producer_of(form) else { return self.wait(parcel) };
        let Parcel { ticket, key, value, headers } = parcel;
        let timestamp = ticket.timestamp;
        let record = BaseRecord::with_opaque_to(&self.settings.topics.dead_letters, ticket).headers(headers);
        let record = BaseRecord { key: key.as_deref(), payload: value.as_deref(), timestamp, ..record };
        let Err((error, record)) = producer.send::<[u8], [u8]>(record) else { return };
        let (ticket, headers) = (record.delivery_opaque, record.headers.unwrap_or_default());
        let parcel = Parcel { ticket, key, value, headers };
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
        self.carry_on(parcel, code, judge_local(code, form));
    }

    /// The producer of letters of this form.
    fn producer_of(&self, form: Form) -> Option<&BaseProducer<CourierContext>> {
        if form.alone { self.single.as_ref() } else { Some(&self.batches) }
    }

    /// Lets the clients report, and acts on what they say.
    fn hear(&mut self) {
        self.batches.poll(if self.batches.in_flight_count() > 0 { Duration::from_millis(5) } else { Duration::ZERO });
        if let Some(single) = &self.single {
            single.poll(if single.in_flight_count() > 0 { Duration::from_millis(5) } else { Duration::ZERO });
        }
        let outcomes: Vec<Outcome> = self.outcomes.1.try_iter().collect();
        for outcome in outcomes {
            match outcome {
                Outcome::Delivered(ticket) => self.clerk.delivered(*ticket),
                Outcome::Failed(parcel, code) => {
                    let cause = self.fatal_cause(parcel.ticket.form).filter(|_| code == RDKafkaErrorCode::Fatal).unwrap_or(code);
                    let next = judge(cause, parcel.ticket.form);
                    self.carry_on(parcel, cause, next);
                }
            }
        }
    }

    /// What broke the producer of letters of this form, if it is broken.
    fn fatal_cause(&self, form: Form) -> Option<RDKafkaErrorCode> {
        self.producer_of(form)?.client().fatal_error().map(|(code, _)| code)
    }

    fn carry_on(&mut self, parcel: Parcel, code: RDKafkaErrorCode, next: Next) {
        match next {
            Next::Reshape(form) => {
                let due = Instant::now();
                self.waiting.push_front((due, parcel.reshaped(form)));
            }
            Next::Wait => {
                self.clerk.delayed(self.events.last_error().unwrap_or_else(|| code.to_string()));
                self.wait(parcel);
            }
            Next::GiveUp(label) => self.give_up(*parcel.ticket, code, label),
        }
    }

    fn wait(&mut self, parcel: Parcel) {
        self.waiting.push_back((Instant::now() + PAUSE, parcel));
    }

    fn give_up(&self, ticket: Ticket, code: RDKafkaErrorCode, label: &'static str) {
        let Ticket { topic, partition, offset, .. } = &ticket;
        let text = format!(
            "the dead letter of {topic} partition {partition} offset {offset} is refused by topic {} ({code}): let this user write to \
             the topic and mend its settings, then restart",
            self.settings.topics.dead_letters
        );
        self.clerk.refused(ticket, Refusal { label, text });
    }

    /// Sends again what waited long enough.
    fn post_waiting(&mut self) {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, parcel)) = self.waiting.pop_front() {
                self.post(parcel);
            }
        }
    }

    /// An idempotent producer that lost its place is dead; a new one begins afresh. What the old one still held comes back as failed
    /// and goes again, perhaps a second time.
    fn replace_broken(&mut self) {
        if let Some((code, text)) = self.batches.client().fatal_error()
            && let Ok(fresh) = producer(&self.settings, false, &self.events, &self.outcomes.0)
        {
            tracing::warn!(%code, "the producer of dead letters is replaced: {text}");
            self.batches = fresh;
        }
        self.single.take_if(|single| single.client().fatal_error().is_some());
    }
}

fn producer(
    settings: &Settings,
    single: bool,
    events: &Events,
    outcomes: &Sender<Outcome>,
) -> Result<BaseProducer<CourierContext>, KafkaError> {
    let mut config = settings.producer();
    if single {
        config.set("batch.num.messages", "1").set("linger.ms", "0");
    }
    config.create_with_context(CourierContext { events: events.clone(), outcomes: outcomes.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_judged_by_what_can_still_be_done() {
        use RDKafkaErrorCode as Code;
        let whole = Form::default();
        let alone = Form { alone: true, ..whole };
        let bare = Form { bare: true, ..alone };
        let redated = Form { redated: true, ..alone };
        let table = [
            (Code::MessageSizeTooLarge, whole, Next::Reshape(alone)),
            (Code::MessageSizeTooLarge, alone, Next::Reshape(bare)),
            (Code::MessageSizeTooLarge, redated, Next::Reshape(Form { bare: true, ..redated })),
            (Code::MessageBatchTooLarge, bare, Next::GiveUp("dead_letter_too_large")),
            (Code::InvalidTimestamp, whole, Next::Reshape(alone)),
            (Code::InvalidTimestamp, alone, Next::Reshape(redated)),
            (Code::InvalidTimestamp, redated, Next::GiveUp("dead_letter_invalid")),
            (Code::InvalidRecord, whole, Next::Reshape(alone)),
            (Code::InvalidRecord, alone, Next::GiveUp("dead_letter_invalid")),
            (Code::InvalidDifferentRecord, whole, Next::Reshape(alone)),
            (Code::TopicAuthorizationFailed, whole, Next::GiveUp("dead_letter_unauthorized")),
            (Code::UnknownTopicOrPartition, whole, Next::Wait),
            (Code::UnknownTopic, whole, Next::Wait),
            (Code::NotEnoughReplicas, whole, Next::Wait),
            (Code::QueueFull, whole, Next::Wait),
            (Code::PurgeQueue, whole, Next::Wait),
            (Code::OutOfOrderSequenceNumber, whole, Next::Wait),
        ];
        for (code, form, expected) in table {
            assert_eq!(judge(code, form), expected, "{code:?} {form:?}");
        }
        assert_eq!(judge_local(Code::MessageSizeTooLarge, whole), Next::Reshape(bare));
    }
}
