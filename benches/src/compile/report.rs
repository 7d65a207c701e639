//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::json;

use super::crates::Subject;
use super::{Options, Series, Task};

/// The pairs that are compared, with the reason.
const PAIRS: [(Subject, Subject); 2] = [
    (Subject::Steps, Subject::Structs),
    (Subject::Steps, Subject::StructsUsed),
];

fn median(times: &[Duration]) -> f64 {
    let mut seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 {
        seconds[middle]
    } else {
        f64::midpoint(seconds[middle - 1], seconds[middle])
    }
}

fn shortest(times: &[Duration]) -> f64 {
    times.iter().min().map_or(0.0, Duration::as_secs_f64)
}

fn median_of(all: &[Series], subject: Subject, task: Task) -> f64 {
    let series = all
        .iter()
        .find(|series| series.subject == subject && series.task == task);
    series.map_or(0.0, |series| median(&series.times))
}

fn above_baseline(all: &[Series], subject: Subject, task: Task) -> f64 {
    median_of(all, subject, task) - median_of(all, subject.baseline(), task)
}

/// How much longer the first of a pair takes: above the baselines, and as it is waited for.
fn ratios(all: &[Series], (first, second): (Subject, Subject), task: Task) -> (f64, f64) {
    (
        above_baseline(all, first, task) / above_baseline(all, second, task),
        median_of(all, first, task) / median_of(all, second, task),
    )
}

pub(super) fn table(all: &[Series], options: &Options) -> String {
    let outputs = if options.own_outputs {
        "an output type each"
    } else {
        "one output type"
    };
    let mut text = format!(
        "{} items, {outputs}, {} rounds\n\n",
        options.items, options.rounds
    );
    text += "| crate | cargo | median | shortest | above its baseline |\n|---|---|---|---|---|\n";
    for task in Task::ALL {
        for series in all.iter().filter(|series| series.task == task) {
            let (subject, times) = (series.subject, &series.times);
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} s | {:.3} s | {:.3} s |",
                subject.name(),
                task.name(),
                median(times),
                shortest(times),
                above_baseline(all, subject, task),
            );
        }
    }
    text += "\n| compared | cargo | ratio above the baselines | ratio of the whole |\n|---|---|---|---|\n";
    for task in Task::ALL {
        for pair in PAIRS {
            let (above, whole) = ratios(all, pair, task);
            let (first, second) = (pair.0.name(), pair.1.name());
            let _ = writeln!(
                text,
                "| {first} / {second} | {} | {above:.2} | {whole:.2} |",
                task.name()
            );
        }
    }
    text
}

pub(super) fn json_lines(all: &[Series], options: &Options) -> String {
    let mut text = String::new();
    for series in all {
        let line = json!({
            "benchmark": "compile",
            "items": options.items,
            "own_outputs": options.own_outputs,
            "crate": series.subject.name(),
            "cargo": series.task.name(),
            "seconds": series.times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>(),
            "median": median(&series.times),
            "above_baseline": above_baseline(all, series.subject, series.task),
        });
        let _ = writeln!(text, "{line}");
    }
    for task in Task::ALL {
        for pair in PAIRS {
            let (above, whole) = ratios(all, pair, task);
            let line = json!({
                "benchmark": "compile",
                "items": options.items,
                "own_outputs": options.own_outputs,
                "compared": [pair.0.name(), pair.1.name()],
                "cargo": task.name(),
                "ratio_above_baseline": above,
                "ratio_of_the_whole": whole,
            });
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::median;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let times = |seconds: &[u64]| {
            seconds
                .iter()
                .copied()
                .map(Duration::from_secs)
                .collect::<Vec<_>>()
        };
        assert!((median(&times(&[5, 1, 2])) - 2.0).abs() < 1e-9);
        assert!((median(&times(&[5, 1, 2, 3])) - 2.5).abs() < 1e-9);
    }
}
