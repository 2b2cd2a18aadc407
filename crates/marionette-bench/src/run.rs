//! A run: rounds in which every contender is measured once, A B C A B C, so that all share the
//! minute; and what the rounds give together.

use crate::aim::{self, Aim};
use crate::arguments::Plan;
use crate::child;
use crate::contender::name::Name;
use crate::figures::Outcome;
use crate::workload::Workload;
use crate::workload::table::Metric;

/// A measured workload.
pub(crate) struct Table {
    /// Which.
    pub(crate) workload: Workload,
    /// Each contender that takes part.
    pub(crate) rows: Vec<Row>,
}

/// A contender in a workload.
pub(crate) struct Row {
    /// Which.
    pub(crate) name: Name,
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
    pub(crate) aim: Option<(&'static Aim, bool)>,
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

/// What each contender answered, round by round.
type Answers = Vec<(Name, Vec<Outcome>)>;

/// Measures one workload; `progress` is told what comes next.
pub(crate) fn table(plan: &Plan, workload: Workload, mut progress: impl FnMut(u32, Name)) -> Table {
    let takes_part = |name: &Name| name.appears_in(workload) && plan.contenders.contains(name);
    let mut answers: Answers = Name::ALL
        .into_iter()
        .filter(takes_part)
        .map(|name| (name, Vec::new()))
        .collect();
    for round in 1..=plan.runs {
        for (name, outcomes) in &mut answers {
            progress(round, *name);
            outcomes.push(child::ask(workload, *name, plan.size));
        }
    }
    let rows = answers
        .iter()
        .map(|(name, _)| row(workload, *name, &answers))
        .collect();
    Table { workload, rows }
}

fn row(workload: Workload, name: Name, answers: &Answers) -> Row {
    let outcomes = outcomes(answers, name);
    let complaint = outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Measured(_) => None,
        Outcome::Cannot(why) => Some(Cell::Cannot(why.clone())),
        Outcome::Failed(what) => Some(Cell::Failed(what.clone())),
    });
    let summaries = || {
        let base = workload
            .base()
            .map(|base| self::outcomes(answers, base))
            .unwrap_or_default();
        workload
            .metrics()
            .iter()
            .map(|metric| summary(workload, name, *metric, outcomes, base))
    };
    Row {
        name,
        cell: complaint.unwrap_or_else(|| Cell::Figures(summaries().collect())),
    }
}

fn summary(
    workload: Workload,
    name: Name,
    metric: Metric,
    outcomes: &[Outcome],
    base: &[Outcome],
) -> Summary {
    let rounds: Vec<f64> = outcomes
        .iter()
        .filter_map(|outcome| figure(outcome, metric))
        .collect();
    let ratios: Vec<f64> = outcomes
        .iter()
        .zip(base)
        .filter_map(|(own, base)| Some(figure(own, metric)? / figure(base, metric)?))
        .collect();
    // What is early has a negative lateness, and no ratio.
    let ratio = (!ratios.is_empty())
        .then(|| median(&ratios))
        .filter(|&ratio| ratio >= 0.0);
    let aim = aim::of(workload, name).find(|aim| aim.metric == metric.key);
    let aim = aim.map(|aim| (aim, aim.reached(median(&rounds), ratio)));
    Summary {
        metric,
        rounds,
        ratio,
        aim,
    }
}

fn outcomes(answers: &Answers, name: Name) -> &[Outcome] {
    answers
        .iter()
        .find(|(other, _)| *other == name)
        .map_or(&[], |(_, outcomes)| outcomes)
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

    fn measured(ns: f64) -> Outcome {
        Outcome::Measured(BTreeMap::from([("ns".to_owned(), ns)]))
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The third minute was slow for everybody.
        let ours = vec![measured(50.0), measured(60.0), measured(500.0)];
        let theirs = vec![measured(100.0), measured(100.0), measured(1_000.0)];
        let answers = vec![(Name::Bare, ours), (Name::KindSpawn, theirs)];
        let Cell::Figures(summaries) = row(Workload::W1, Name::Bare, &answers).cell else {
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
        let row = row(Workload::W1, Name::Bare, &vec![(Name::Bare, ours)]);
        assert!(matches!(row.cell, Cell::Failed(what) if what == "it hung"));
    }
}
