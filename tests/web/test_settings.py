"""Settings: read from the environment, refused where they make no sense, and all documented."""

from dataclasses import fields
from pathlib import Path

import pytest

from web.settings import SETTINGS, SettingInvalid, Settings, read_settings

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_without_an_environment_the_defaults_hold():
    settings = read_settings({})
    assert settings == Settings(data=Path("onebyone-data"))


def test_the_environment_is_read_and_a_flag_stands_above_it():
    environment = {"ONEBYONE_PORT": "81", "ONEBYONE_WORKERS": "3", "PATH": "/bin"}
    settings = read_settings(environment, port=82, host=None)
    assert (settings.port, settings.workers, settings.host) == (82, 3, "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("PORT", "80 "),
        ("PORT", "٨٠"),
        ("PORT", "9" * 400),
        ("HTTPS", "yes"),
        ("SANDBOX", "podman"),
        ("UPLOAD_BYTES", "1e6"),
        ("THREADS", ""),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_what_is_accepted(name, value):
    with pytest.raises(SettingInvalid, match=f"ONEBYONE_{name} must be"):
        read_settings({f"ONEBYONE_{name}": value})


def test_a_misspelt_variable_is_not_ignored():
    with pytest.raises(SettingInvalid, match="ONEBYONE_PROT is no setting"):
        read_settings({"ONEBYONE_PROT": "80"})


def test_a_secret_may_come_from_a_file_and_is_never_shown(tmp_path):
    (tmp_path / "key").write_text("s3cret\n")
    file = {"ONEBYONE_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert read_settings(file).secret_key == "s3cret"
    with pytest.raises(SettingInvalid, match="cannot be read"):
        read_settings({"ONEBYONE_SECRET_KEY_FILE": str(tmp_path / "none")})
    with pytest.raises(SettingInvalid):
        read_settings({"ONEBYONE_PORT_FILE": str(tmp_path / "key")})


def test_each_setting_is_a_field_and_is_documented_with_its_default():
    assert {setting.name for setting in SETTINGS} == {field.name for field in fields(Settings)}
    for setting in SETTINGS:
        shown = f"`{setting.default}`" if setting.default else "none"
        assert f"| `{setting.variable}` | {shown} | {setting.help} |" in OPERATIONS
