//! What a table is about: its title, its columns, whom it compares with, and what is aimed at.

/// A table before it is filled in.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    /// Its name on the command line.
    pub(crate) id: &'static str,
    /// What happens in it, in a line.
    pub(crate) title: String,
    /// Its columns, the one that the ratio is of first.
    pub(crate) metrics: &'static [Metric],
    /// The label of the base of the ratio; none where a ratio says nothing.
    pub(crate) base: Option<&'static str>,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its key in the answer of a child, and in JSON.
    pub(crate) key: &'static str,
    /// Its head in the table.
    pub(crate) head: &'static str,
    /// Decimals in the table.
    pub(crate) decimals: usize,
    /// Which way is good.
    pub(crate) better: Better,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    /// Times, losses.
    Less,
    /// Rates.
    More,
}

/// A metric of which less is better.
pub(crate) const fn less(key: &'static str, head: &'static str, decimals: usize) -> Metric {
    Metric {
        key,
        head,
        decimals,
        better: Better::Less,
    }
}

/// A metric of which more is better.
pub(crate) const fn more(key: &'static str, head: &'static str, decimals: usize) -> Metric {
    Metric {
        better: Better::More,
        ..less(key, head, decimals)
    }
}

/// What we aim at in one metric of one row, from the project's anchors: a figure, and a ratio to a
/// competitor in the same run. Where there is a ratio, it decides: figures move with the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Goal {
    /// The figure is this or better.
    pub(crate) figure: f64,
    /// The ratio to the base of the table is this or better.
    pub(crate) ratio: Option<f64>,
}

impl Goal {
    /// Whether a row reached it.
    pub(crate) fn reached(self, better: Better, figure: f64, ratio: Option<f64>) -> bool {
        match (self.ratio, ratio) {
            (Some(aimed), Some(ratio)) => better.or_equal(ratio, aimed),
            _ => better.or_equal(figure, self.figure),
        }
    }
}

impl Better {
    /// The sign between a figure and its goal.
    pub(crate) fn sign(self) -> char {
        match self {
            Self::Less => '≤',
            Self::More => '≥',
        }
    }

    fn or_equal(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::Less => figure <= limit,
            Self::More => figure >= limit,
        }
    }
}

/// A number with a comma after every three digits.
pub(crate) fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_decides_where_there_is_one() {
        let goal = Goal {
            figure: 90.0,
            ratio: Some(0.26),
        };
        assert!(goal.reached(Better::Less, 180.0, Some(0.25)));
        assert!(!goal.reached(Better::Less, 80.0, Some(0.3)));
        assert!(goal.reached(Better::Less, 80.0, None));
        assert!(goal.reached(Better::More, 80.0, Some(0.3)));
        assert!(!goal.reached(Better::More, 80.0, None));
    }
}
