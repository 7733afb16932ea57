//! `time.Time`: an instant in a time zone, with Go's range of years and Go's way to print it.

pub(crate) mod civil;
mod duration;
mod layout;
mod parse;

pub(crate) use duration::{
    duration_string, month_name, parse_duration, round_duration, weekday_name,
};
pub(crate) use layout::{Std, next_std};
pub(crate) use parse::parse as parse_time;

use std::sync::Arc;

use super::Value;

/// Seconds from the year 1, Go's zero time, to 1970.
const ZERO_UNIX: i64 = -62_135_596_800;

/// An instant in a time zone.
#[derive(Clone, Debug)]
pub struct GoTime {
    unix: i64,
    nanos: u32,
    zone: Zone,
}

/// A time zone (`*time.Location`).
#[derive(Clone, Debug)]
pub enum Zone {
    /// UTC.
    Utc,
    /// The local zone of the machine the templates are thought to run on: it is at UTC, but Go tells the
    /// two apart.
    Local,
    /// A fixed offset in seconds east of UTC under a name that may be empty.
    Fixed(Arc<str>, i32),
    /// A zone of the zone data base.
    Named(Arc<jiff::tz::TimeZone>),
}

impl Zone {
    /// Returns the zone of this name, as `time.LoadLocation`.
    pub fn load(name: &str) -> Option<Self> {
        match name {
            "" | "UTC" => Some(Self::Utc),
            "Local" => Some(Self::Local),
            name if name.contains("..") || name.starts_with(['/', '\\']) => None,
            name => jiff::tz::TimeZone::get(name).ok().map(|tz| Self::Named(Arc::new(tz))),
        }
    }

    /// Returns the name of the offset in force and the offset in seconds.
    pub(crate) fn at(&self, unix: i64) -> (String, i32) {
        match self {
            Self::Utc | Self::Local => ("UTC".to_owned(), 0),
            Self::Fixed(name, offset) => (name.to_string(), *offset),
            Self::Named(tz) => {
                let (min, max) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
                let unix = unix.clamp(min.as_second(), max.as_second());
                let at = jiff::Timestamp::from_second(unix).unwrap_or_default();
                let info = tz.to_offset_info(at);
                (info.abbreviation().to_owned(), info.offset().seconds())
            }
        }
    }

    /// Returns the name of the zone.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Utc | Self::Local => "UTC".to_owned(),
            Self::Fixed(name, _) => name.to_string(),
            Self::Named(tz) => tz.iana_name().unwrap_or_default().to_owned(),
        }
    }

    /// Reports whether summer time is in force.
    pub(crate) fn is_summer_time(&self, unix: i64) -> bool {
        match self {
            Self::Named(tz) => jiff::Timestamp::from_second(unix)
                .is_ok_and(|at| tz.to_offset_info(at).dst().is_dst()),
            _ => false,
        }
    }
}

impl PartialEq for GoTime {
    fn eq(&self, other: &Self) -> bool {
        self.unix == other.unix
            && self.nanos == other.nanos
            && matches!(self.zone, Zone::Utc) == matches!(other.zone, Zone::Utc)
            && self.zone.at(self.unix) == other.zone.at(other.unix)
    }
}

impl GoTime {
    /// Returns the instant `unix` seconds and `nanos` nanoseconds after 1970 in a zone.
    pub fn new(unix: i64, nanos: u32, zone: Zone) -> Self {
        Self { unix, nanos, zone }
    }

    /// Returns an instant of jiff's in UTC.
    pub fn from_timestamp(at: jiff::Timestamp) -> Self {
        let nanos = at.as_nanosecond().rem_euclid(1_000_000_000);
        let unix = at.as_nanosecond().div_euclid(1_000_000_000);
        Self {
            unix: i64::try_from(unix).unwrap_or(0),
            nanos: u32::try_from(nanos).unwrap_or(0),
            zone: Zone::Utc,
        }
    }

    /// Returns Go's zero time: the first moment of the year 1.
    pub fn zero() -> Self {
        Self { unix: ZERO_UNIX, nanos: 0, zone: Zone::Utc }
    }

    /// Returns the seconds since 1970.
    pub fn unix(&self) -> i64 {
        self.unix
    }

    /// Returns the nanoseconds within the second.
    pub fn nanos(&self) -> u32 {
        self.nanos
    }

    /// Returns the zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Reports whether this is Go's zero time.
    pub fn is_zero(&self) -> bool {
        self.unix == ZERO_UNIX && self.nanos == 0
    }

    /// Returns the same instant in another zone.
    pub fn in_zone(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Returns the instant `duration` nanoseconds later.
    pub fn add(&self, duration: i64) -> Self {
        let nanos = i64::from(self.nanos) + duration.rem_euclid(1_000_000_000);
        let unix = self.unix.wrapping_add(duration.div_euclid(1_000_000_000));
        Self {
            unix: unix.wrapping_add(nanos / 1_000_000_000),
            nanos: u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
            zone: self.zone.clone(),
        }
    }

    /// Returns the nanoseconds from `other` to this instant; the extreme value when they do not fit.
    pub fn since(&self, other: &Self) -> i64 {
        let seconds = i128::from(self.unix) - i128::from(other.unix);
        let nanos = seconds * 1_000_000_000 + i128::from(self.nanos) - i128::from(other.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Returns the nanoseconds since Go's zero time.
    pub(crate) fn nanos_since_zero(&self) -> i128 {
        (i128::from(self.unix) - i128::from(ZERO_UNIX)) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Returns `(year, month, day, hour, minute, second)` in the zone.
    pub(crate) fn civil(&self) -> civil::Civil {
        let (_, offset) = self.zone.at(self.unix);
        civil::from_unix(self.unix.wrapping_add(i64::from(offset)))
    }

    /// Returns the time of a date in a zone, as `time.Date`: fields out of range carry over.
    pub(crate) fn date(date: &civil::Civil, nanos: u32, zone: Zone) -> Self {
        let local = civil::to_unix(date);
        let (_, offset) = zone.at(local);
        let mut unix = local;
        if offset != 0 {
            let (_, offset) = zone.at(local.wrapping_sub(i64::from(offset)));
            unix = local.wrapping_sub(i64::from(offset));
        }
        Self { unix, nanos, zone }
    }

    /// Returns the time as `Time.String` prints it.
    pub fn string(&self) -> String {
        self.format("2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// Returns the time as `%#v` prints it.
    pub(crate) fn go_string(&self) -> String {
        let c = self.civil();
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            Zone::Local => "time.Local".to_owned(),
            Zone::Fixed(name, _) => {
                format!("time.Location({})", crate::strconv::quote(name.as_bytes()))
            }
            Zone::Named(tz) => {
                let name = tz.iana_name().unwrap_or_default();
                format!("time.Location({})", crate::strconv::quote(name.as_bytes()))
            }
        };
        format!(
            "time.Date({}, time.{}, {}, {}, {}, {}, {}, {zone})",
            c.year,
            month_name(c.month),
            c.day,
            c.hour,
            c.minute,
            c.second,
            self.nanos
        )
    }

    /// Returns the fields of the Go struct: seconds since the year 1 and nanoseconds.
    pub(crate) fn raw_fields(&self) -> Vec<(String, Value)> {
        vec![
            ("wall".to_owned(), Value::Uint64(u64::from(self.nanos))),
            ("ext".to_owned(), Value::Int64(self.unix.wrapping_sub(ZERO_UNIX))),
            ("loc".to_owned(), Value::Nil),
        ]
    }
}
