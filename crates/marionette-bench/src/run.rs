//! A run: rounds in which every contender is measured once, A B C A B C, so that all share the
//! minute; and what the rounds give together.

use marionette_yardstick::figures::Outcome;

use crate::sheet::{Goal, Metric, Sheet};

/// A measured workload.
pub(crate) struct Table {
    /// What it is about.
    pub(crate) sheet: Sheet,
    /// Each contender that takes part.
    pub(crate) rows: Vec<Row>,
}

/// A contender in a workload.
pub(crate) struct Row {
    /// Which.
    pub(crate) label: &'static str,
    /// What it did.
    pub(crate) cell: Cell,
}

/// What a contender did.
pub(crate) enum Cell {
    /// Its figures.
    Figures(Vec<Summary>),
    /// It cannot: why.
    Cannot(String),
    /// It should, and did not in at least one round: what happened.
    Failed(String),
}

/// A metric over all rounds.
pub(crate) struct Summary {
    /// Which.
    pub(crate) metric: Metric,
    /// Of each round, in order.
    pub(crate) rounds: Vec<f64>,
    /// The median of the ratios to the base, each within its round.
    pub(crate) ratio: Option<f64>,
    /// What we aimed at, and whether we reached it.
    pub(crate) aim: Option<(Goal, bool)>,
}

impl Summary {
    /// The median of the rounds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.rounds)
    }

    /// The least of the rounds.
    pub(crate) fn min(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest of the rounds.
    pub(crate) fn max(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::NAN, f64::max)
    }
}

/// What a contender answered, round by round.
pub(crate) struct Answer {
    /// The contender.
    pub(crate) label: &'static str,
    /// Its answers, in order of the rounds.
    pub(crate) outcomes: Vec<Outcome>,
}

/// Asks each contender once a round.
pub(crate) fn rounds<C: Copy>(
    contenders: &[C],
    runs: u32,
    label: impl Fn(C) -> &'static str,
    mut ask: impl FnMut(u32, C) -> Outcome,
) -> Vec<Answer> {
    let mut answers: Vec<_> = contenders
        .iter()
        .map(|&contender| Answer {
            label: label(contender),
            outcomes: Vec::new(),
        })
        .collect();
    for round in 1..=runs {
        for (&contender, answer) in contenders.iter().zip(&mut answers) {
            answer.outcomes.push(ask(round, contender));
        }
    }
    answers
}

/// The table of all answers. `goal` finds the goal by label and key of the metric.
pub(crate) fn table(
    sheet: Sheet,
    answers: &[Answer],
    goal: impl Fn(&str, &str) -> Option<Goal>,
) -> Table {
    let base = outcomes_of(answers, sheet.base);
    let rows = answers
        .iter()
        .map(|answer| row(&sheet, answer, base, &goal))
        .collect();
    Table { sheet, rows }
}

fn row(
    sheet: &Sheet,
    answer: &Answer,
    base: &[Outcome],
    goal: impl Fn(&str, &str) -> Option<Goal>,
) -> Row {
    let complaint = answer.outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Measured(_) => None,
        Outcome::Cannot(why) => Some(Cell::Cannot(why.clone())),
        Outcome::Failed(what) => Some(Cell::Failed(what.clone())),
    });
    let summaries = || {
        let metrics = sheet.metrics.iter();
        metrics.map(|&metric| summary(metric, answer, base, goal(answer.label, metric.key)))
    };
    Row {
        label: answer.label,
        cell: complaint.unwrap_or_else(|| Cell::Figures(summaries().collect())),
    }
}

fn summary(metric: Metric, answer: &Answer, base: &[Outcome], goal: Option<Goal>) -> Summary {
    let outcomes = &answer.outcomes;
    let rounds: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| figure(outcome, metric))
        .collect();
    let ratios: Vec<f64> = outcomes
        .iter()
        .zip(base)
        .filter_map(|(own, base)| Some(figure(own, metric)? / figure(base, metric)?))
        .collect();
    // An early start has a negative lateness, and no ratio.
    let ratio = (!ratios.is_empty())
        .then(|| median(&ratios))
        .filter(|&ratio| ratio >= 0.0);
    let aim = goal.map(|goal| (goal, goal.reached(metric.better, median(&rounds), ratio)));
    Summary {
        metric,
        rounds,
        ratio,
        aim,
    }
}

fn outcomes_of<'a>(answers: &'a [Answer], label: Option<&str>) -> &'a [Outcome] {
    let answer = answers.iter().find(|answer| Some(answer.label) == label);
    answer.map_or(&[], |answer| &answer.outcomes)
}

fn figure(outcome: &Outcome, metric: Metric) -> Option<f64> {
    let Outcome::Measured(figures) = outcome else {
        return None;
    };
    figures.get(metric.key).copied()
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        len if len.is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sheet::less;

    const SHEET: Sheet = Sheet {
        id: "W0",
        title: String::new(),
        metrics: &[less("ns", "ns/task", 0)],
        base: Some("theirs"),
    };

    fn measured(ns: f64) -> Outcome {
        Outcome::Measured(BTreeMap::from([("ns".to_owned(), ns)]))
    }

    fn answer(label: &'static str, outcomes: Vec<Outcome>) -> Answer {
        Answer { label, outcomes }
    }

    fn goal(label: &str, _: &str) -> Option<Goal> {
        let goal = Goal {
            figure: 90.0,
            ratio: Some(0.26),
        };
        (label == "ours").then_some(goal)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The third minute was slow for everybody.
        let ours = vec![measured(50.0), measured(60.0), measured(500.0)];
        let theirs = vec![measured(100.0), measured(100.0), measured(1_000.0)];
        let answers = [answer("ours", ours), answer("theirs", theirs)];
        let table = table(SHEET, &answers, goal);
        let Cell::Figures(summaries) = &table.rows[0].cell else {
            panic!("there are figures")
        };
        let ns = &summaries[0];
        assert_eq!((ns.median(), ns.min(), ns.max()), (60.0, 50.0, 500.0));
        assert_eq!(ns.ratio, Some(0.5));
        assert!(ns.aim.is_some_and(|(_, reached)| !reached));
    }

    #[test]
    fn one_bad_round_spoils_the_row() {
        let ours = vec![measured(50.0), Outcome::Failed("it hung".to_owned())];
        let table = table(SHEET, &[answer("ours", ours)], goal);
        assert!(matches!(&table.rows[0].cell, Cell::Failed(what) if what == "it hung"));
    }
}
