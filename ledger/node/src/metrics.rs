//! Counters and gauges in Prometheus' text form. Labels are namespaces and rule codes, never names of actors.

use std::sync::Arc;

use crate::application::Timings;
use ledger_chain::VerifiedTransaction;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// What the node counts.
pub(crate) struct Metrics {
    registry: Registry,
    transactions: IntCounterVec,
    refusals: IntCounterVec,
    pub(crate) requests: IntCounterVec,
    pub(crate) height: IntGauge,
    pub(crate) halted: IntGauge,
    pub(crate) streams: IntGauge,
    waiting: IntGauge,
    waiting_bytes: IntGauge,
    execute_seconds: Histogram,
    tree_seconds: Histogram,
    gather_seconds: Histogram,
    pub(crate) verify_seconds: Histogram,
    pub(crate) commit_seconds: Histogram,
    block_transactions: Histogram,
}

const BUG: &str = "registers because names are valid and used once";

impl Metrics {
    pub(crate) fn new() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, label: &str| {
            let made =
                IntCounterVec::new(Opts::new(format!("causeway_ledger_{name}"), help), &[label]).expect(BUG);
            registry.register(Box::new(made.clone())).expect(BUG);
            made
        };
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::new(format!("causeway_ledger_{name}"), help).expect(BUG);
            registry.register(Box::new(made.clone())).expect(BUG);
            made
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options =
                HistogramOpts::new(format!("causeway_ledger_{name}"), help).buckets(buckets.to_vec());
            let made = Histogram::with_opts(options).expect(BUG);
            registry.register(Box::new(made.clone())).expect(BUG);
            made
        };
        let seconds = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];
        let counts = [1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0];
        Self {
            transactions: counters(
                "transactions_total",
                "Transactions committed, by namespace.",
                "namespace",
            ),
            refusals: counters("refusals_total", "Transactions refused, by code.", "code"),
            requests: counters("requests_total", "Requests answered, by status.", "status"),
            height: gauge("height", "Height of the last block."),
            halted: gauge("halted", "1 if the node has stopped committing."),
            streams: gauge("event_streams", "Event streams open."),
            waiting: gauge("mempool_transactions", "Transactions that wait for a block."),
            waiting_bytes: gauge("mempool_bytes", "Bytes of transactions that wait for a block."),
            execute_seconds: histogram("execute_seconds", "Executing a block's transactions.", &seconds),
            tree_seconds: histogram("tree_seconds", "Updating the state tree for a block.", &seconds),
            gather_seconds: histogram("gather_seconds", "Gathering a block's writes and history.", &seconds),
            verify_seconds: histogram("verify_seconds", "Checking a batch of submissions.", &seconds),
            commit_seconds: histogram(
                "commit_seconds",
                "Checking a certificate and writing a block, synced.",
                &seconds,
            ),
            block_transactions: histogram("block_transactions", "Transactions in a block.", &counts),
            registry,
        }
    }

    pub(crate) fn refused(&self, code: &str) {
        self.refusals.with_label_values(&[code]).inc();
    }

    pub(crate) fn proposed(&self, timings: &Timings) {
        self.execute_seconds.observe(timings.execute.as_secs_f64());
        self.tree_seconds.observe(timings.tree.as_secs_f64());
        self.gather_seconds.observe(timings.gather.as_secs_f64());
    }

    /// Seconds spent so far in verifying, executing, the tree, gathering and writing.
    pub(crate) fn spent(&self) -> [f64; 5] {
        let stages = [
            &self.verify_seconds,
            &self.execute_seconds,
            &self.tree_seconds,
            &self.gather_seconds,
            &self.commit_seconds,
        ];
        stages.map(Histogram::get_sample_sum)
    }

    pub(crate) fn committed(&self, height: u64, block: &[Arc<VerifiedTransaction>]) {
        self.height.set(i64::try_from(height).unwrap_or(i64::MAX));
        self.block_transactions.observe(f64::from(u32::try_from(block.len()).unwrap_or(u32::MAX)));
        // Runs of one namespace are counted at once: a label lookup each would show in the throughput.
        for run in block.chunk_by(|one, next| namespace(one) == namespace(next)) {
            let Some(first) = run.first() else { continue };
            self.transactions.with_label_values(&[namespace(first)]).inc_by(run.len() as u64);
        }
    }

    /// Everything as text, with what waits as of now.
    pub(crate) fn text(&self, (waiting, bytes): (usize, usize)) -> String {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.waiting_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("writes because a Vec grows");
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn namespace(transaction: &VerifiedTransaction) -> &'static str {
    transaction.signed().transaction.operation.namespace()
}
