//! What was measured, as tables that a person reads, as JSON, and as a verdict on what had to stay flat.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;
use serde_json::{Value, json};

use super::{figures::Figures, instructions::Instructions, noise::Noise, shares::Shared, tenants::Tenants};

/// What memory may grow by once an environment keeps as many tenants as it ever does, in percent.
const MEMORY_MAY_GROW: u64 = 10;
/// How many tenants an environment keeps, as `shared` has it.
const TENANTS_KEPT: usize = 500;
/// What instructions may differ by, in percent.
const INSTRUCTIONS_MAY_DIFFER: u64 = 10;

/// Everything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Which programs: `release` as it is deployed, or `fast` as the local account builds it.
    pub profile: &'static str,
    /// Rows written, and seconds taken, for the tenants to be there.
    pub seeding: (usize, f64),
    /// By number of tenants.
    pub tenants: Vec<Tenants>,
    /// By number of shares.
    pub shares: Vec<Shared>,
    /// One noisy tenant.
    pub noise: Option<Noise>,
    /// Instructions of a warm request, where valgrind is.
    pub instructions: Option<Instructions>,
}

/// Something that has to stay flat, and whether it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What.
    pub what: String,
    /// At the smallest.
    pub from: String,
    /// At the largest.
    pub to: String,
    /// Whether it stayed.
    pub holds: bool,
}

/// A table of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// The columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Measured {
    /// What had to stay flat.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        let mut all = Vec::new();
        if let (Some(least), Some(most)) = (self.tenants.first(), self.tenants.last()) {
            let range = format!("{} → {} tenants", least.tenants, most.tenants);
            for (route, figures) in &least.warm {
                let last = most.warm.get(route);
                all.push(same_work(&format!("AWS calls of a warm {route}, {range}"), Some(figures), last));
            }
            let what = format!("AWS calls of a tenant's first request, {range}");
            let opening = |figures: &Figures| (figures.work, figures.opening);
            all.push(Verdict {
                what,
                from: first_calls(&least.first),
                to: first_calls(&most.swept),
                holds: opening(&least.first) == opening(&most.swept),
            });
            all.push(same_work(
                &format!("AWS calls of a warm request after {} tenants", most.tenants),
                Some(&least.full),
                Some(&most.full),
            ));
            all.extend(memory(most));
        }
        if let (Some(least), Some(most)) = (self.shares.first(), self.shares.last()) {
            for (route, figures) in &least.routes {
                let what = format!("AWS calls of {route}, {} → {} shares", least.shares, most.shares);
                all.push(same_work(&what, Some(figures), most.routes.get(route)));
            }
        }
        if let Some(instructions) = &self.instructions {
            all.extend(instructions.verdicts(INSTRUCTIONS_MAY_DIFFER));
        }
        all
    }

    /// Whether all of it did.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.verdicts().iter().all(|verdict| verdict.holds)
    }

    /// As JSON: what was measured, what it says, and the tables.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({ "measured": self, "verdicts": self.verdicts(), "tables": self.tables() })
    }

    /// As tables.
    #[must_use]
    pub fn as_text(&self) -> String {
        let mut text = String::new();
        for table in self.tables() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n{}\n\n{}", table.title, table.as_text());
        }
        text
    }

    fn tables(&self) -> Vec<Table> {
        let mut all = Vec::new();
        if !self.tenants.is_empty() {
            all.extend([self.warm(), self.mixed(), self.held()]);
        }
        if !self.shares.is_empty() {
            all.push(self.shared());
        }
        all.extend(self.instructions.as_ref().map(Instructions::table));
        all.extend(self.noise.as_ref().map(noisy));
        all.push(Table {
            title: "What had to stay flat".to_owned(),
            header: ["figure", "at first", "at last", "flat"].map(str::to_owned).to_vec(),
            rows: self
                .verdicts()
                .into_iter()
                .map(|one| vec![one.what, one.from, one.to, if one.holds { "yes" } else { "NO" }.to_owned()])
                .collect(),
        });
        all
    }

    fn warm(&self) -> Table {
        let mut rows = Vec::new();
        for step in &self.tenants {
            for (route, figures) in &step.warm {
                rows.push(row(&[step.tenants.to_string(), (*route).to_owned()], figures));
            }
            let full = format!("{} after every other", "GET /documents/{document_id}");
            rows.push(row(&[step.tenants.to_string(), full], &step.full));
        }
        Table {
            title: "A warm request of the busiest tenant".to_owned(),
            header: header(&["tenants", "route"]),
            rows,
        }
    }

    fn mixed(&self) -> Table {
        let header = [
            "tenants",
            "documents",
            "sessions a request",
            "AWS calls a request",
            "p50 ms",
            "p99 ms",
            "CPU µs",
            "first request of a tenant",
        ];
        let rows = self.tenants.iter().map(|step| {
            let skewed = &step.skewed;
            let requests = f64::from(u32::try_from(skewed.requests.max(1)).unwrap_or(u32::MAX));
            vec![
                step.tenants.to_string(),
                step.documents.to_string(),
                format!("{:.2}", f64::from(skewed.sessions) / requests),
                format!("{:.2}", skewed.calls_a_request(skewed.work.1)),
                format!("{:.1}", skewed.p50_ms),
                format!("{:.1}", skewed.p99_ms),
                processor(skewed),
                format!("{:.1} ms, {}", step.swept.p50_ms, first_calls(&step.swept)),
            ]
        });
        Table {
            title: "Requests of all tenants, each as often as its rank says (1/r)".to_owned(),
            header: header.map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    fn held(&self) -> Table {
        let rows = self.tenants.iter().flat_map(|step| {
            step.memory.iter().map(|held| {
                vec![step.tenants.to_string(), held.tenants.to_string(), mebibytes(held.resident)]
            })
        });
        Table {
            title: "Memory of one environment".to_owned(),
            header: ["tenants", "of them served", "MiB"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
        }
    }

    fn shared(&self) -> Table {
        let rows = self.shares.iter().flat_map(|step| {
            step.routes.iter().map(|(route, figures)| {
                let mut cells = row(&[step.shares.to_string(), route.clone()], figures);
                cells.push(figures.answer_bytes.to_string());
                cells
            })
        });
        let mut header = header(&["shares", "route"]);
        header.push("answer, bytes".to_owned());
        Table { title: "A document with so many shares".to_owned(), header, rows: rows.collect() }
    }
}

/// Memory after twice as many tenants as are kept, beside that after as many.
fn memory(step: &Tenants) -> Option<Verdict> {
    let last = step.memory.last().filter(|last| last.tenants >= 2 * TENANTS_KEPT)?;
    let kept = step.memory.iter().find(|held| held.tenants >= TENANTS_KEPT)?;
    Some(Verdict {
        what: format!("Memory of an environment that has served {} → {} tenants", kept.tenants, last.tenants),
        from: format!("{} MiB", mebibytes(kept.resident)),
        to: format!("{} MiB", mebibytes(last.resident)),
        holds: last.resident <= kept.resident + kept.resident * MEMORY_MAY_GROW / 100,
    })
}

fn same_work(what: &str, from: Option<&Figures>, to: Option<&Figures>) -> Verdict {
    let ways = |figures: Option<&Figures>| figures.map(|figures| figures.ways.clone()).unwrap_or_default();
    let most = |figures: Option<&Figures>| figures.map_or("none".to_owned(), |one| one.work.1.to_string());
    Verdict {
        what: what.to_owned(),
        from: most(from),
        to: most(to),
        holds: from.is_some() && ways(from) == ways(to),
    }
}

fn first_calls(figures: &Figures) -> String {
    format!("{} + {} calls", figures.opening, figures.work.1)
}

fn header(first: &[&str]) -> Vec<String> {
    let rest = ["requests", "AWS calls", "p50 ms", "of it AWS", "p99 ms", "CPU µs"];
    first.iter().chain(&rest).map(|name| (*name).to_owned()).collect()
}

fn row(first: &[String], figures: &Figures) -> Vec<String> {
    let calls = match figures.work {
        (least, most) if least == most => most.to_string(),
        (least, most) => format!("{least}–{most}"),
    };
    let rest = [
        figures.requests.to_string(),
        calls,
        format!("{:.1}", figures.p50_ms),
        format!("{:.1}", figures.waited_p50_ms),
        format!("{:.1}", figures.p99_ms),
        processor(figures),
    ];
    first.iter().cloned().chain(rest).collect()
}

fn processor(figures: &Figures) -> String {
    figures.processor_us.map_or("–".to_owned(), |time| format!("{time:.0}"))
}

#[expect(clippy::cast_precision_loss, reason = "a size that a person reads")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1_048_576.0)
}

fn noisy(noise: &Noise) -> Table {
    let statuses = |all: &BTreeMap<String, u32>| {
        all.iter().map(|(status, number)| format!("{number} × {status}")).collect::<Vec<_>>().join(", ")
    };
    let spread = |(half, most, all): (f64, f64, f64)| format!("{half:.0} / {most:.0} / {all:.0}");
    let rows = noise.neighbours.iter().map(|one| {
        vec![
            one.when.to_owned(),
            statuses(&one.statuses),
            spread(one.waited_ms),
            one.function_ms.map_or("–".to_owned(), spread),
            format!("{:.1}", one.calls),
        ]
    });
    let header = ["when", "answers", "answered in, ms", "function's own, ms", "AWS calls a request"];
    Table {
        title: format!(
            "Neighbours of a tenant with {} requests at once ({}; {:.1} s); times are p50 / p99 / most",
            noise.requests,
            statuses(&noise.statuses),
            noise.lasted_ms / 1_000.0
        ),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

impl Table {
    fn as_text(&self) -> String {
        let columns = self.header.len();
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.header]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
        };
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let rows = self.rows.iter().map(|row| line(row));
        [line(&self.header), line(&rule)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::tenants::Held;

    fn figures(way: &str, opening: u32) -> Figures {
        let work = way.split(" → ").count();
        Figures {
            requests: 10,
            p50_ms: 1.0,
            p99_ms: 2.0,
            waited_p50_ms: 0.5,
            processor_us: Some(200.0),
            work: (work, work),
            ways: [way.to_owned()].into(),
            sessions: opening,
            mapping_reads: 0,
            opening,
            answer_bytes: 9,
        }
    }

    fn step(tenants: u32, way: &str, memory: &[(usize, u64)]) -> Tenants {
        Tenants {
            tenants,
            documents: 9,
            first: figures("a → b", 3),
            warm: BTreeMap::from([("GET /documents", figures(way, 0))]),
            skewed: figures(way, 1),
            swept: figures("a → b", 3),
            full: figures(way, 0),
            memory: memory
                .iter()
                .map(|(tenants, resident)| Held { tenants: *tenants, resident: *resident })
                .collect(),
        }
    }

    fn measured(tenants: Vec<Tenants>) -> Measured {
        Measured {
            profile: "fast",
            seeding: (1, 1.0),
            tenants,
            shares: Vec::new(),
            noise: None,
            instructions: None,
        }
    }

    #[test]
    fn a_call_more_with_more_tenants_is_not_flat() {
        let same = measured(vec![step(1, "a → b", &[]), step(100, "a → b", &[])]);
        assert!(same.is_flat(), "{:?}", same.verdicts());
        let more = measured(vec![step(1, "a → b", &[]), step(100, "a → b → b", &[])]);
        let broken: Vec<_> = more.verdicts().into_iter().filter(|verdict| !verdict.holds).collect();
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert_eq!((broken[0].from.as_str(), broken[0].to.as_str()), ("2", "3"));
    }

    #[test]
    fn memory_has_to_stay_once_as_many_tenants_are_kept_as_ever_are() {
        let at = |last: u64| {
            let memory = [(1, 10 << 20), (500, 20 << 20), (1_000, last)];
            measured(vec![step(1, "a", &[]), step(10_000, "a", &memory)])
        };
        assert!(at(22 << 20).is_flat());
        assert!(!at(23 << 20).is_flat());
    }

    #[test]
    fn tables_have_a_row_for_each_step_and_the_verdict_comes_last() {
        let text = measured(vec![step(1, "a", &[(1, 5 << 20)]), step(10, "a", &[(1, 5 << 20)])]).as_text();
        assert!(text.contains("| 10      | 1              | 5.0 |"), "{text}");
        assert!(text.trim_end().ends_with("| yes  |"), "{text}");
    }
}
