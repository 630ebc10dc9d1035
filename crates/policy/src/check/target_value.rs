//! `target` of a metric: the number that a rule aims at.

use super::Check;
use crate::{
    TargetValue,
    path::Path,
    spec::{Amount, Target, TargetType},
};

/// What a rule aims at.
pub(super) enum Aim {
    /// A value.
    Value(TargetValue),
    /// A share of what is requested, in percent.
    Percent(u32),
}

impl Check<'_> {
    /// The one target that is given, if it is one of `allowed`.
    pub(super) fn aim(
        &mut self,
        at: &Path,
        target: &Target,
        allowed: &[TargetType],
    ) -> Option<Aim> {
        let given = [
            (
                TargetType::Utilization,
                target.average_utilization.is_some(),
            ),
            (TargetType::AverageValue, target.average_value.is_some()),
            (TargetType::Value, target.value.is_some()),
        ];
        let given: Vec<_> = given.into_iter().filter(|(_, is)| *is).collect();
        let fields: Vec<_> = allowed.iter().copied().map(field_of).collect();
        let mend = match fields.as_slice() {
            [only] => format!("write {only}"),
            fields => format!("write one of {}", fields.join(" and ")),
        };
        let forbidden = given
            .iter()
            .map(|(given, _)| *given)
            .chain(target.target_type);
        if let Some(wrong) = forbidden.into_iter().find(|it| !allowed.contains(it)) {
            let what = format!("a metric of this type has no {}", field_of(wrong));
            self.fault(at, what, mend);
            return None;
        }
        let target_type = match given.as_slice() {
            [(only, _)] => *only,
            [] => {
                let what = format!("{} is missing", fields.join(" or "));
                self.fault(at, what, mend);
                return None;
            }
            [(one, _), (other, _), ..] => {
                let what = format!("{} and {} are both given", field_of(*one), field_of(*other));
                self.fault(at, what, mend);
                return None;
            }
        };
        if let Some(given) = target.target_type
            && given != target_type
        {
            let what = format!("{given:?} does not go with {}", field_of(target_type));
            self.fault(&at.field("type"), what, format!("write {target_type:?}"));
            return None;
        }
        let at = at.field(field_of(target_type));
        let value = |check: &mut Self, amount: Option<&Amount>| check.above_zero(&at, amount?);
        match target_type {
            TargetType::Utilization => {
                let percent = target.average_utilization?;
                let percent = self.whole(&at, percent, 1..=i64::from(i32::MAX))?;
                Some(Aim::Percent(percent))
            }
            TargetType::AverageValue => {
                let average = value(self, target.average_value.as_ref())?;
                Some(Aim::Value(TargetValue::AverageValue(average)))
            }
            TargetType::Value => {
                let value = value(self, target.value.as_ref())?;
                Some(Aim::Value(TargetValue::Value(value)))
            }
        }
    }

    /// A target value, in thousandths as the HPA reads it.
    fn above_zero(&mut self, at: &Path, amount: &Amount) -> Option<f64> {
        let number = self.quantity(at, amount)?.up_to_milli().to_f64();
        if number <= 0.0 {
            let what = format!("{} is not above zero", amount.0);
            self.fault(
                at,
                what,
                "write what one replica, or all of them, should carry",
            );
            return None;
        }
        Some(number)
    }
}

fn field_of(target_type: TargetType) -> &'static str {
    match target_type {
        TargetType::Utilization => "averageUtilization",
        TargetType::AverageValue => "averageValue",
        TargetType::Value => "value",
    }
}
