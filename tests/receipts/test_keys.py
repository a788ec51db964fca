"""The folder of keys: created, replaced, shared, damaged."""

import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import OKPKey

from ingest.errors.types import ConfigurationError
from ingest.receipts import keys
from ingest.receipts.keys import create_key, read_keys


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_a_missing_folder_has_no_keys(folder: Path) -> None:
    found = read_keys(folder)
    assert (found.signing, found.public) == (None, {"keys": []})


def test_a_new_key_signs_and_the_former_one_stays_as_a_public_key(folder: Path) -> None:
    kids = [create_key(folder) for _ in range(3)]
    found = read_keys(folder)
    assert found.signing is not None
    assert found.signing.kid == kids[-1]
    assert [key["kid"] for key in found.public["keys"]] == kids
    private = [path for path in sorted(folder.glob("*.pem")) if b"PRIVATE" in path.read_bytes()]
    assert [path.stat().st_mode & 0o777 for path in private] == [0o600]
    assert private == sorted(folder.glob("*.pem"))[-1:]


def test_the_id_is_the_thumbprint_of_rfc_7638(folder: Path) -> None:
    kid = create_key(folder)
    (jwk,) = read_keys(folder).public["keys"]
    assert OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x")}).thumbprint() == kid
    assert "d" not in jwk


def test_a_killed_replacement_leaves_the_new_key_signing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create_key(folder)

    def killed(folder: Path, name: str, pem: bytes, mode: int) -> None:
        write(folder, name, pem, mode)
        raise KeyboardInterrupt

    write = keys._write
    with monkeypatch.context() as broken:
        broken.setattr(keys, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            create_key(folder)
    found = read_keys(folder)
    assert found.signing is not None
    assert found.signing.kid != first
    assert len(found.public["keys"]) == 2
    create_key(folder)
    assert sum(b"PRIVATE" in path.read_bytes() for path in folder.glob("*.pem")) == 1


def test_a_clock_that_is_behind_does_not_make_an_old_key_sign(folder: Path) -> None:
    create_key(folder)
    (path,) = folder.glob("*.pem")
    path.rename(folder / "99991231T000000.000000Z.pem")
    kids = [create_key(folder) for _ in range(2)]
    found = read_keys(folder)
    assert found.signing is not None
    assert found.signing.kid == kids[-1]


def test_a_key_of_openssl_is_used(folder: Path) -> None:
    folder.mkdir()
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True).stdout
    (folder / "ours.pem").write_bytes(made)
    (folder / "ours.pem").chmod(0o400)
    (folder / "notes.txt").write_text("not a key")
    assert read_keys(folder).signing is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_private_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    create_key(folder)
    (path,) = folder.glob("*.pem")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"run: chmod 600 {path}"):
        read_keys(folder)


def other_curve() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"secret nonsense", other_curve()], ids=["empty", "text", "P-256"])
def test_another_file_is_refused_without_its_content(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "a.pem").write_bytes(content)
    (folder / "a.pem").chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"a\.pem holds no Ed25519 key") as error:
        read_keys(folder)
    assert "nonsense" not in str(error.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_root_leaves_the_key_to_the_owner_of_the_folder(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    create_key(folder)
    (path,) = folder.glob("*.pem")
    assert path.stat().st_uid == 12345
