//! A day, as a person names it.

use jiff::civil::{self, Date, Weekday};

/// A day, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// This many days from today.
    From(i64),
    Tonight,
    Weekday(Weekday, Side),
    /// A day of a month; the year follows from now.
    Yearly(i8, i8),
    Date(Date),
}

/// Which of several days of one name is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Today too, if the time of day allows it.
    Nearest,
    /// After today: `next friday`.
    After,
    /// Before today: `last friday`.
    Before,
}

pub(super) const BEYOND: &str = "no calendar reaches it";

impl Day {
    /// This date, if it exists.
    pub(super) fn date(year: i16, month: i8, day: i8) -> Result<Self, String> {
        let first = first_of(year, month)?;
        let days = first.days_in_month();
        if !(1..=days).contains(&day) {
            let month = first.strftime("%B %Y");
            return Err(format!(
                "there is no day {day} in {month}, which has {days}"
            ));
        }
        Ok(Self::Date(civil::date(year, month, day)))
    }

    /// This day of a month, if it exists in any year.
    pub(super) fn month_day(month: i8, day: i8) -> Result<Self, String> {
        let first = first_of(2024, month)?;
        let days = first.days_in_month();
        if !(1..=days).contains(&day) {
            let month = first.strftime("%B");
            return Err(format!(
                "there is no day {day} in {month}, which has {days}"
            ));
        }
        Ok(Self::Yearly(month, day))
    }
}

fn first_of(year: i16, month: i8) -> Result<Date, String> {
    if !(1..=12).contains(&month) {
        return Err(format!("there is no month {month}"));
    }
    Date::new(year, month, 1).map_err(|_| BEYOND.to_owned())
}
