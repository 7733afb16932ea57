//! The calendar: days and dates, for any year an `int64` of seconds reaches.

/// A date and a time of day without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// Returns the day of the week, Sunday is 0.
    pub(crate) fn weekday(&self) -> i64 {
        (days(self.year, self.month, self.day) + 4).rem_euclid(7)
    }

    /// Returns the day of the year, from 1.
    pub(crate) fn year_day(&self) -> i64 {
        days(self.year, self.month, self.day) - days(self.year, 1, 1) + 1
    }
}

pub(crate) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01; the month is 1 to 12, the day may be anything.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year starts in March, so that the leap day is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 + day - 1
}

fn from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

pub(crate) fn from_unix(unix: i64) -> Civil {
    let (year, month, day) = from_days(unix.div_euclid(86_400));
    let second = unix.rem_euclid(86_400);
    Civil { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
}

/// Returns the seconds from 1970; fields out of range carry over, overflow wraps.
pub(crate) fn to_unix(c: &Civil) -> i64 {
    const YEARS: i64 = 300_000_000_000;
    let month = c.month.saturating_sub(1);
    let year = c.year.saturating_add(month.div_euclid(12)).clamp(-YEARS, YEARS);
    let day = days(year, month.rem_euclid(12) + 1, 1).saturating_add(c.day.saturating_sub(1));
    day.wrapping_mul(86_400)
        .wrapping_add(c.hour.wrapping_mul(3600))
        .wrapping_add(c.minute.wrapping_mul(60))
        .wrapping_add(c.second)
}

#[cfg(test)]
mod tests {
    use super::{Civil, from_unix, to_unix};

    #[test]
    fn dates_and_seconds_agree() {
        for unix in [0, -1, 951_782_400, -62_135_596_801, 253_402_300_800, 1 << 50] {
            assert_eq!(to_unix(&from_unix(unix)), unix);
        }
        let leap = from_unix(951_782_400);
        assert_eq!((leap.year, leap.month, leap.day, leap.weekday()), (2000, 2, 29, 2));
        // The 31st of February carries over.
        let carried = Civil { year: 2023, month: 2, day: 31, ..Civil::default() };
        assert_eq!(from_unix(to_unix(&carried)).month, 3);
    }
}
