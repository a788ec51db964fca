"""The upload form at `/ui/upload`: a folder becomes a bundle in the browser, and arrives over any connection."""

import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import new_page
from tests.browser.upload_form import choose_folder, fill_metadata, upload
from tests.cutting_proxy import Cut, Fault, LostAnswer, Stall, cutting_proxy
from tests.e2e.authenticated_api import authenticated_api, new_token
from tools.bundles import file_entry, make_bundle, make_tar, transaction
from tools.stack import Stack


def files_of(stack: Stack, job: int) -> dict[str, int]:
    listed = requests.get(f"{stack.api}/jobs/{job}/files", timeout=30).json()["files"]
    return {file["path"]: file["size"] for file in listed}


def sizes_in(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".DS_Store")
    return {path.relative_to(folder.parent).as_posix(): path.stat().st_size for path in files}


def test_folder_arrives_whole_over_a_connection_that_breaks(stack: Stack, page: Page, folder: Path):
    faults: list[Fault] = [Cut(after=5_000_000), Cut(after=3_000_000, reset=True), LostAnswer(after=8_000_000)]
    with cutting_proxy(stack.api, faults) as proxy:
        page.goto(f"{proxy.url}/ui/upload")
        choose_folder(page, folder)
        expect(page.locator("#upload-chosen")).to_have_text("3 files, 24 MB")
        fill_metadata(page, key="Sample", value="A-17")
        job = upload(page)
        assert proxy.happened == faults
    assert stack.wait_for_end(job)["state"] == "OK"
    # `ingest_files` has compared each file with the hash that the browser computed.
    assert files_of(stack, job) == sizes_in(folder)


def test_upload_continues_after_a_reload(stack: Stack, page: Page, folder: Path):
    stall = Stall(after=10_000_000)
    with cutting_proxy(stack.api, [stall]) as proxy:
        page.goto(f"{proxy.url}/ui/upload")
        choose_folder(page, folder)
        fill_metadata(page)
        page.get_by_role("button", name="Upload", exact=True).click()
        proxy.wait_until_happened(stall)
        sent = proxy.forwarded
        page.get_by_role("button", name="Pause").click()
        page.goto("about:blank")
        proxy.release()
        page.goto(f"{proxy.url}/ui/upload")
        choose_folder(page, folder)
        fill_metadata(page)
        job = upload(page)
        # The second time, only the rest was sent.
        assert proxy.forwarded - sent < 20_000_000
    assert stack.wait_for_end(job)["state"] == "OK"


def test_wrong_metadata_is_refused_before_anything_is_sent(stack: Stack, page: Page, tmp_path: Path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "A.TXT").write_text("b")
    with cutting_proxy(stack.api) as proxy:
        page.goto(f"{proxy.url}/ui/upload")
        page.get_by_label("Choose files").set_input_files([tmp_path / "a.txt", tmp_path / "A.TXT"])
        fill_metadata(page)
        page.get_by_role("button", name="Upload", exact=True).click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("differ only in case")
        expect(page.get_by_label("Project")).to_have_value("1234a")
        assert proxy.forwarded < 50_000


def test_form_without_files_says_what_is_missing(stack: Stack, page: Page):
    page.goto(f"{stack.api}/ui/upload")
    fill_metadata(page)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one file.")


def test_dropped_file_is_uploaded(stack: Stack, page: Page):
    page.goto(f"{stack.api}/ui/upload")
    page.get_by_label("A bundle that is already made").check()
    dropped = page.evaluate_handle(
        """() => {
          const dropped = new DataTransfer()
          dropped.items.add(new File(["1,2"], "dropped.csv"))
          return dropped
        }"""
    )
    page.locator("body").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator("#upload-chosen")).to_have_text("1 file, 3 bytes")
    fill_metadata(page)
    job = upload(page)
    assert stack.wait_for_end(job)["state"] == "OK"
    assert files_of(stack, job) == {"dropped.csv": 3}


def test_canceled_upload_leaves_nothing(stack: Stack, page: Page, folder: Path):
    stall = Stall(after=10_000_000)
    with cutting_proxy(stack.api, [stall]) as proxy:
        page.goto(f"{proxy.url}/ui/upload")
        choose_folder(page, folder)
        fill_metadata(page)
        page.get_by_role("button", name="Upload", exact=True).click()
        proxy.wait_until_happened(stall)
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as deleted:
            page.get_by_role("button", name="Cancel the upload").click()
            proxy.release()
        address = deleted.value.url.replace(proxy.url, stack.api)
    assert deleted.value.status == 204
    assert requests.get(address, timeout=30).status_code == 404


def test_bundle_that_is_already_made_is_sent_as_it_is(stack: Stack, page: Page, tmp_path: Path):
    make_bundle({"data/noise.bin": os.urandom(1_000_000)}, path=tmp_path / "bundle.tar")
    page.goto(f"{stack.api}/ui/upload")
    choose_bundle(page, tmp_path / "bundle.tar")
    expect(page.get_by_label("Project")).to_be_hidden()
    job = upload(page)
    assert stack.wait_for_end(job)["state"] == "OK"


def choose_bundle(page: Page, path: Path) -> None:
    page.get_by_label("A bundle that is already made").check()
    page.get_by_label("Choose a bundle").set_input_files(path)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_faults_in_the_metadata_of_a_ready_bundle_are_shown_before_it_is_sent(
    stack: Stack, page: Page, tmp_path: Path, form: int
):
    path = tmp_path / "bundle.tar"
    metadata = json.dumps([*transaction(), file_entry("data/a.txt", b"a"), file_entry("data/A.TXT", b"b")]).encode()
    noise = os.urandom(1_000_000)
    make_tar({f"data/{'long/' * 25}a.bin": noise, "data/a.txt": b"a", "metadata.txt": metadata}, path, form)
    with cutting_proxy(stack.api) as proxy:
        page.goto(f"{proxy.url}/ui/upload")
        choose_bundle(page, path)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("differ only in case")
        assert proxy.forwarded < 50_000


def test_file_that_is_no_tar_is_not_sent(stack: Stack, page: Page, tmp_path: Path):
    path = tmp_path / "bundle.tar"
    path.write_bytes(gzip.compress(make_bundle()))
    page.goto(f"{stack.api}/ui/upload")
    choose_bundle(page, path)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("bundle.tar is not an uncompressed tar.")


def test_user_with_a_token_as_the_password_uploads(stack: Stack, browser: Browser, folder: Path, tmp_path: Path):
    with authenticated_api(stack, tmp_path) as api, new_page(browser) as page:
        token = new_token(api, "ada")
        page.goto(f"{api.api.replace('//', f'//ada:{token}@')}/ui/jobs")
        page.goto(f"{api.api}/ui/upload")
        choose_folder(page, folder)
        fill_metadata(page)
        job = upload(page)
        answer = requests.get(f"{api.api}/jobs/{job}", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        assert answer.json()["user"] == "ada"


def test_hostile_names_are_shown_harmless(stack: Stack, page: Page, tmp_path: Path):
    names = ["<img src=x onerror=alert(1)>.txt", "\u202egnp.exe", "a" * 200 + ".txt"]
    for name in names:
        (tmp_path / name).write_text(name)
    page.goto(f"{stack.api}/ui/upload")
    page.get_by_label("Choose files").set_input_files([tmp_path / name for name in names])
    fill_metadata(page)
    job = upload(page)
    stack.wait_for_end(job)
    page.goto(f"{stack.api}/ui/jobs/{job}/files")
    expect(page.locator("tbody tr")).to_have_count(len(names))
    expect(page.locator("img")).to_have_count(0)
