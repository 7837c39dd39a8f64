"""Settings: environment over file over defaults, every mistake found at once."""

from ntp_checker.config.configuration import Configuration, load_configuration, load_settings
from ntp_checker.config.environment import CONFIG_VARIABLE, variable_of
from ntp_checker.config.file import SettingsFile
from ntp_checker.config.secret_files import read_database_url
from ntp_checker.config.settings import FOLLOWED_SECRETS, Listen, Settings
from ntp_checker.config.sign_in import check_listen, check_sign_in

__all__ = [
    "CONFIG_VARIABLE",
    "FOLLOWED_SECRETS",
    "Configuration",
    "Listen",
    "Settings",
    "SettingsFile",
    "check_listen",
    "check_sign_in",
    "load_configuration",
    "load_settings",
    "read_database_url",
    "variable_of",
]
