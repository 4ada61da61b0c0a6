import os
import stat
from pathlib import Path

import pytest

from server.data_folder import (
    SECRETS,
    DemoLogin,
    prepare_data_folder,
    read_demo_login,
    read_secrets,
    write_demo_login,
)
from server.errors import SettingsError, StartError
from server.settings import Settings, describe_settings, read_environment, read_settings, unknown_variables
from server.settings_table import with_table
from server.telemetry import redact

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented():
    assert [row.name for row in describe_settings() if not row.description] == []
    assert len(describe_settings()) == len(Settings.__struct_fields__)


def test_the_table_of_settings_is_that_of_the_class():
    document = (ROOT / "docs/operations.md").read_text("utf-8")
    assert with_table(document) == document, "run `python -m server.settings_table`"
    assert "| `IONFLUX_PORT` | `8000` |" in document


def test_the_documented_defaults_can_be_read_back():
    rows = {row.variable: row.default for row in describe_settings() if row.default}
    assert read_settings(rows) == Settings()


def test_option_wins_over_environment_over_file_over_default(tmp_path: Path):
    (tmp_path / ".env").write_text(
        "# ours\nexport IONFLUX_PORT=1\nIONFLUX_HOST='::1'\n\nIONFLUX_LOG_LEVEL=debug\nOTHER=x\n"
    )
    environment = read_environment({"IONFLUX_PORT": "2", "IONFLUX_HOST": "h", "PATH": "/bin"}, tmp_path)
    assert environment == {"IONFLUX_PORT": "2", "IONFLUX_HOST": "h", "IONFLUX_LOG_LEVEL": "debug"}
    settings = read_settings(environment, {"port": "3", "host": None})
    assert (settings.port, settings.host, settings.log_level) == (3, "h", "debug")
    assert settings.data_dir == Path("data")


def test_lists_are_separated_by_commas():
    settings = read_settings({"IONFLUX_ROLES": "api, worker,", "IONFLUX_CORS_ORIGINS": ""})
    assert (settings.roles, settings.cors_origins) == (("api", "worker"), ())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IONFLUX_PORT", "80a"),
        ("IONFLUX_PORT", "70000"),
        ("IONFLUX_ROLES", "api,cook"),
        ("IONFLUX_DURABILITY", "often"),
        ("IONFLUX_MIGRATE_ON_START", "perhaps"),
        ("IONFLUX_DATA_DIR", ""),
        ("IONFLUX_KEEPALIVE_SECONDS", "0"),
        ("IONFLUX_SHUTDOWN_SECONDS", "60"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(variable: str, value: str):
    with pytest.raises(SettingsError) as refused:
        read_settings({variable: value})
    assert str(refused.value).startswith(f"{variable} is {value!r}: ")
    assert "\n" not in str(refused.value)


def test_a_bad_option_is_named_as_it_was_given():
    with pytest.raises(SettingsError, match=r"^--data-dir is ''"):
        read_settings({}, {"data_dir": ""})


@pytest.mark.parametrize("content", [b"IONFLUX_PORT\n", b"IONFLUX_PORT=\xff\n"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes):
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=r"\.env"):
        read_environment({}, tmp_path)


def test_a_misspelt_variable_is_found():
    assert unknown_variables({"IONFLUX_PROT": "1", "IONFLUX_PORT": "1", "HOME": "/"}) == ["IONFLUX_PROT"]


def test_settings_do_not_show_the_password_of_the_database():
    assert "hunter2" not in repr(Settings(database_url="postgresql://u:hunter2@h/d"))


def test_the_public_address_can_be_called():
    assert Settings(host="0.0.0.0", port=1).effective_public_url == "http://127.0.0.1:1"
    assert Settings(host="::1", port=1).effective_public_url == "http://[::1]:1"
    assert Settings(public_url="https://a.example/").effective_public_url == "https://a.example"


def test_secrets_are_made_once_and_are_private(tmp_path: Path):
    folder = tmp_path / "new" / "data"
    prepare_data_folder(folder)
    made = read_secrets(folder)
    assert len(made.access_token_key) >= 32
    assert read_secrets(folder) == made
    assert stat.S_IMODE((folder / SECRETS).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.listdir(folder) == [SECRETS]
    assert made.access_token_key.decode() not in repr(made)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"access_token_key": "c2hvcnQ="}', b"\xff"])
def test_damaged_secrets_are_refused_and_kept(tmp_path: Path, content: bytes):
    (tmp_path / SECRETS).write_bytes(content)
    with pytest.raises(StartError, match=r"secrets\.json"):
        read_secrets(tmp_path)
    assert (tmp_path / SECRETS).read_bytes() == content


def test_secrets_that_cannot_be_read_are_refused(tmp_path: Path):
    (tmp_path / SECRETS).mkdir()
    with pytest.raises(StartError, match="cannot be read"):
        read_secrets(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="data folder"):
        prepare_data_folder(tmp_path / "file" / "data")


def test_the_demo_password_is_never_replaced(tmp_path: Path):
    assert read_demo_login(tmp_path) is None
    write_demo_login(tmp_path, DemoLogin("a@b", "first"))
    write_demo_login(tmp_path, DemoLogin("a@b", "second"))
    assert read_demo_login(tmp_path) == DemoLogin("a@b", "first")


@pytest.mark.parametrize(
    "line",
    [
        "GET /sync/page:1?token=hunter2&x=1",
        "GET /sync/page:1?x=1&token%3Dhunter2",
        "Authorization: Bearer hunter2",
        '{"password": "hunter2"}',
        "refresh_token='hunter2'",
        "ifr_0123hunter2",
        "eyJhbGciOi.eyJhunter2.hunter2",
        "postgresql://user:hunter2@host/name",
    ],
)
def test_A1_no_credential_reaches_the_log(line: str):
    assert "hunter2" not in redact(line)
    assert "***" in redact(line)
