"""Settings: environment over file over defaults, every mistake found at once."""

from ntp_checker.config.configuration import Configuration, load_configuration, load_settings
from ntp_checker.config.environment import CONFIG_VARIABLE, variable_of
from ntp_checker.config.file import SettingsFile
from ntp_checker.config.settings import Listen, Settings

__all__ = [
    "CONFIG_VARIABLE",
    "Configuration",
    "Listen",
    "Settings",
    "SettingsFile",
    "load_configuration",
    "load_settings",
    "variable_of",
]
