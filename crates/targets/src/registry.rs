//! Finds the driver of a target.

use crate::{
    Settings, SettingsError, Target, TargetError, TargetName, TargetSettings,
    command::CommandTarget, process::ProcessTarget,
};
use headroom_model::body::TargetRef;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The drivers of all configured targets.
#[derive(Clone, Default)]
pub struct Targets {
    drivers: BTreeMap<(TargetName, &'static str), Arc<dyn Target>>,
}

impl Targets {
    /// Checks every target and makes its driver. Touches nothing outside.
    ///
    /// # Errors
    /// At the first target that cannot be used, or that is there twice.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        Self::of_log(settings, None)
    }

    /// The same, to carry out plans of the log that goes by this name among all others. Generations are positions in it:
    /// a target that remembers one of another log does not compare them.
    ///
    /// # Errors
    /// At the first target that cannot be used, or that is there twice.
    pub fn of_log(settings: &Settings, log: Option<&str>) -> Result<Self, SettingsError> {
        let mut drivers = BTreeMap::new();
        for (position, target) in settings.0.iter().enumerate() {
            let wrong = |problem: String| SettingsError {
                position,
                kind: target.kind(),
                namespace: target.namespace().to_owned(),
                name: target.name().to_owned(),
                problem,
            };
            let key = (target.target_name().map_err(wrong)?, target.kind());
            let driver = driver(target, log).map_err(wrong)?;
            if drivers.insert(key, driver).is_some() {
                return Err(wrong(
                    "is there twice; remove one or give it another name".to_owned(),
                ));
            }
        }
        Ok(Self { drivers })
    }

    /// With a driver that no settings describe: of a program that embeds Headroom and brings its own. It takes the place
    /// of one of the same name and kind. `kind` is what policies name, in lower case.
    #[must_use]
    pub fn with(mut self, name: TargetName, kind: &'static str, driver: Arc<dyn Target>) -> Self {
        self.drivers.insert((name, kind), driver);
        self
    }

    /// The driver of the target that a policy of `namespace` names, and the target's full name. Capitals in the kind do
    /// not matter.
    ///
    /// # Errors
    /// [`TargetError::NotConfigured`], also when only another namespace has such a target.
    pub fn resolve(
        &self,
        namespace: &str,
        target: &TargetRef,
    ) -> Result<(TargetName, Arc<dyn Target>), TargetError> {
        let key = target.key();
        self.drivers
            .iter()
            .find(|((name, kind), _)| {
                name.namespace() == namespace && (*kind, name.name()) == (key.0.as_str(), key.1)
            })
            .map(|((name, _), driver)| (name.clone(), Arc::clone(driver)))
            .ok_or_else(|| TargetError::NotConfigured {
                kind: target.key().0,
                namespace: namespace.to_owned(),
                name: target.name.clone(),
                configured: self.configured_for(namespace),
            })
    }

    /// Every configured target with its kind, in order.
    pub fn names(&self) -> impl Iterator<Item = (&TargetName, &'static str)> {
        self.drivers.keys().map(|(name, kind)| (name, *kind))
    }

    fn configured_for(&self, namespace: &str) -> String {
        let own: Vec<String> = self
            .names()
            .filter(|(name, _)| name.namespace() == namespace)
            .map(|(name, kind)| format!("{kind} {}", name.name()))
            .collect();
        if own.is_empty() {
            "no targets".to_owned()
        } else {
            own.join(", ")
        }
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.drivers.keys()).finish()
    }
}

fn driver(settings: &TargetSettings, log: Option<&str>) -> Result<Arc<dyn Target>, String> {
    Ok(match settings {
        TargetSettings::Process(settings) => Arc::new(ProcessTarget::new(settings)?.of_log(log)),
        TargetSettings::Command(settings) => Arc::new(CommandTarget::new(settings)?.of_log(log)),
    })
}
