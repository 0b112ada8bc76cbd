//! What a run did, as one line of log: flat numbers, from which the metrics, alarms and the dashboard of
//! `template.yaml` are made.

use std::time::Duration;

use shared::metering::{Measure, Report, Second};

/// Logs a run that was asked for as `run`.
pub(crate) fn log(request_id: &str, run: &str, report: &Report, now: Second, lasted: Duration) {
    let units =
        |of: &std::collections::BTreeMap<Measure, u64>, measure| of.get(&measure).copied().unwrap_or(0);
    let (used, sealed, billed) = (&report.used, &report.sealed, &report.billed);
    let halted = u64::from(report.halted.is_some());
    let quarantined: u64 = report.quarantined.values().sum();
    // From the beginning of the oldest hour that is not sent: it may be billed for a day from then on.
    let unsent_age_s = report.oldest_unsent.map_or(0, |hour| now.get().saturating_sub(hour.start().get()));
    // What no run mends, and no tenant and no Marketplace can be behind: somebody has to look.
    let defects = report.broken + report.refused + report.foreign + report.contradictory + halted;
    tracing::info!(
        request_id,
        run,
        duration_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
        complete = report.is_complete(),
        licences = report.licences,
        entries_sealed = report.entries_sealed,
        records_sealed = report.records_sealed,
        records_sent = report.records_sent,
        accepted = report.accepted,
        accepted_as_duplicate = report.accepted_as_duplicate,
        contested = report.contested,
        not_subscribed = report.not_subscribed,
        quarantined,
        expired = report.expired,
        expired_units = report.expired_units,
        late = report.late,
        late_units = report.late_units,
        unsent = report.unsent,
        unsent_age_s,
        held = report.held,
        waiting = report.waiting,
        behind = report.behind,
        defects,
        used_documents_added = units(used, Measure::DocumentsAdded),
        used_shares_created = units(used, Measure::SharesCreated),
        used_storage_gib_hours = units(used, Measure::StorageGibHours),
        sealed_documents_added = units(sealed, Measure::DocumentsAdded),
        sealed_shares_created = units(sealed, Measure::SharesCreated),
        sealed_storage_gib_hours = units(sealed, Measure::StorageGibHours),
        billed_documents_added = units(billed, Measure::DocumentsAdded),
        billed_shares_created = units(billed, Measure::SharesCreated),
        billed_storage_gib_hours = units(billed, Measure::StorageGibHours),
        ledger_reads = report.ledger_reads,
        ledger_writes = report.ledger_writes,
        transactions = report.transactions,
        usage_reads = report.usage_reads,
        events = report.events,
        calls = report.calls,
        failures = report.failures,
        halvings = report.halvings,
        unprocessed = report.unprocessed,
        unrecorded = report.unrecorded,
        conflicts = report.conflicts,
        contended = report.contended,
        unavailable = report.unavailable,
        broken = report.broken,
        refused = report.refused,
        foreign = report.foreign,
        contradictory = report.contradictory,
        halted,
        why_halted = report.halted.map(|why| format!("{why:?}")),
        unfinished = report.is_unfinished,
        "metering"
    );
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        io::Write,
        sync::{Arc, Mutex},
    };

    use serde_json::{Map, Value};
    use shared::metering::outcome::{Exception, Refusal};
    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The line of a run's log, formatted as `shared::telemetry` has it.
    fn logged(report: &Report, now: &str) -> Map<String, Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            log("r-1", "slice", report, now.parse().unwrap(), Duration::from_millis(5));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_run_is_one_line_of_flat_numbers() {
        let mut report = Report {
            oldest_unsent: "2026-11-22T10".parse().ok(),
            halted: Some(Refusal::Exception(Exception::InvalidProductCode)),
            foreign: 2,
            ..Report::default()
        };
        report.quarantined.insert(Exception::InvalidLicense, 3);
        report.billed.insert(Measure::StorageGibHours, 7);
        let line = logged(&report, "2026-11-22T12:15:00Z");
        for (field, value) in [
            ("unsent_age_s", 8_100),
            ("defects", 3),
            ("quarantined", 3),
            ("billed_storage_gib_hours", 7),
            ("used_documents_added", 0),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
        assert_eq!((&line["message"], &line["complete"]), (&"metering".into(), &false.into()));
    }

    #[test]
    fn every_metric_of_the_template_is_a_number_of_that_line() {
        let template = include_str!("../../../template.yaml");
        let wanted: BTreeSet<&str> = template
            .split("LogGroupName: !Ref MeteringLogs")
            .skip(1)
            .filter_map(|filter| filter.split("MetricValue: ").nth(1)?.lines().next())
            .filter_map(|value| value.trim().trim_matches('"').strip_prefix("$."))
            .collect();
        assert!(wanted.len() >= 15, "{wanted:?}");
        let line = logged(&Report::default(), "2026-11-22T12:15:00Z");
        for field in wanted {
            assert!(
                line.get(field).is_some_and(Value::is_number),
                "template.yaml counts {field}, which is no number"
            );
        }
    }

    #[test]
    fn every_number_of_a_report_is_in_the_log() {
        let told = logged(&Report::default(), "2026-11-22T12:15:00Z");
        let report = serde_json::to_value(Report::default()).unwrap();
        for (name, value) in report.as_object().unwrap() {
            assert!(!value.is_number() || told.contains_key(name), "{name} is not logged");
        }
    }
}
