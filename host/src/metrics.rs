//! Every metric, with its unit.

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use http::Method;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Buckets of durations in seconds, from a warm noop to the longest run.
#[derive(Clone)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
            1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
        ])
    }
}

fn durations<L: Clone + Eq + std::hash::Hash>() -> Family<L, Histogram, Durations> {
    Family::new_with_constructor(Durations)
}

/// What the host counts.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram, Durations>,
    requests_in_flight: Gauge,
    connections: Gauge,
    runs: Family<OutcomeLabels, Histogram, Durations>,
    runs_in_flight: Gauge,
    cloud_requests: Family<OutcomeLabels, Counter>,
    commits: Family<OutcomeLabels, Histogram, Durations>,
    modules_taken_in: Family<OutcomeLabels, Histogram, Durations>,
    audit_events_dropped: Counter,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("zonda"),
            requests: durations(),
            requests_in_flight: Gauge::default(),
            connections: Gauge::default(),
            runs: durations(),
            runs_in_flight: Gauge::default(),
            cloud_requests: Family::default(),
            commits: durations(),
            modules_taken_in: durations(),
            audit_events_dropped: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

/// Counts something as in flight until it is dropped.
#[derive(Debug)]
pub struct InFlight(Gauge<i64, AtomicI64>);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    fn register(&mut self) {
        let seconds = || Unit::Seconds;
        let registry = &mut self.registry;
        registry.register_with_unit(
            "request_duration",
            "API requests by method, route and status",
            seconds(),
            self.requests.clone(),
        );
        registry.register(
            "requests_in_flight",
            "API requests under way",
            self.requests_in_flight.clone(),
        );
        registry.register(
            "connections",
            "Connections of callers that are open",
            self.connections.clone(),
        );
        registry.register_with_unit(
            "run_duration",
            "Runs of actions by outcome",
            seconds(),
            self.runs.clone(),
        );
        registry.register(
            "runs_in_flight",
            "Runs of actions under way",
            self.runs_in_flight.clone(),
        );
        registry.register(
            "cloud_requests",
            "Requests that actions made, by class of status, or error when there was no answer",
            self.cloud_requests.clone(),
        );
        registry.register_with_unit(
            "store_commit_duration",
            "Durable commits by outcome",
            seconds(),
            self.commits.clone(),
        );
        registry.register_with_unit(
            "module_take_in_duration",
            "Components checked, compiled and asked for their actions, by outcome",
            seconds(),
            self.modules_taken_in.clone(),
        );
        registry.register(
            "audit_events_dropped",
            "Refusals that came too fast to be in the audit trail",
            self.audit_events_dropped.clone(),
        );
    }

    /// A counter of another room, kept by that room.
    pub fn register_counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        counter: Counter<u64, AtomicU64>,
    ) {
        self.registry.register(name, help, counter);
    }

    /// An API request is under way until the answer is dropped.
    #[must_use]
    pub fn request_began(&self) -> InFlight {
        InFlight::new(&self.requests_in_flight)
    }

    /// A caller's connection is open until the answer is dropped.
    #[must_use]
    pub fn connection_opened(&self) -> InFlight {
        InFlight::new(&self.connections)
    }

    /// An API request was answered.
    pub fn request_ended(&self, route: &str, method: &Method, status: u16, took: Duration) {
        let labels = RequestLabels {
            method: method.as_str().to_owned(),
            route: route.to_owned(),
            status,
        };
        self.requests
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A run is under way until the answer is dropped.
    #[must_use]
    pub fn run_began(&self) -> InFlight {
        InFlight::new(&self.runs_in_flight)
    }

    /// A run ended in `outcome`: done, pending, failed or cancelled.
    pub fn run_ended(&self, outcome: &'static str, took: Duration) {
        self.runs
            .get_or_create(&OutcomeLabels { outcome })
            .observe(took.as_secs_f64());
    }

    /// An action's request had an answer of `status`, or none.
    pub fn cloud_request_ended(&self, status: Option<u16>) {
        let outcome = match status.map(|status| status / 100) {
            Some(1) => "1xx",
            Some(2) => "2xx",
            Some(3) => "3xx",
            Some(4) => "4xx",
            Some(5) => "5xx",
            Some(_) | None => "error",
        };
        self.cloud_requests
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// A commit was made durable, or not: done, conflict, refused by a quota, or failed.
    pub fn commit_ended(&self, outcome: &'static str, took: Duration) {
        self.commits
            .get_or_create(&OutcomeLabels { outcome })
            .observe(took.as_secs_f64());
    }

    /// A component was taken in, or not: done, refused or failed.
    pub fn module_taken_in(&self, outcome: &'static str, took: Duration) {
        self.modules_taken_in
            .get_or_create(&OutcomeLabels { outcome })
            .observe(took.as_secs_f64());
    }

    /// A refusal is not in the audit trail.
    pub fn audit_event_dropped(&self) {
        self.audit_events_dropped.inc();
    }

    /// All of it in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes every write");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown_with_its_unit() {
        let metrics = Metrics::default();
        metrics.run_ended("done", Duration::from_millis(2));
        metrics.cloud_request_ended(Some(404));
        metrics.cloud_request_ended(None);
        let run = metrics.run_began();
        let text = metrics.encode();
        assert!(
            text.contains("zonda_run_duration_seconds_count{outcome=\"done\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("zonda_cloud_requests_total{outcome=\"4xx\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("zonda_cloud_requests_total{outcome=\"error\"} 1"),
            "{text}"
        );
        assert!(text.contains("zonda_runs_in_flight 1"), "{text}");
        drop(run);
        assert!(metrics.encode().contains("zonda_runs_in_flight 0"));
    }
}
