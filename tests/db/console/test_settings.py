"""The pages of settings: searched, changed, refused with what was typed, taken back."""

from tests.db.console.conftest import Site

ONE = "/settings/session.idle_minutes"


async def test_a_setting_is_changed_and_taken_back_in_the_console(inside: Site):
    listed = (await inside.browser.get("/settings")).text
    for words in ("End sessions that are not used", "Calls to other servers", "server.data_dir"):
        assert words in listed
    assert ">Changed</span>" not in listed
    assert (await inside.send(ONE, {"value": "60", "version": "0"})).status_code == 303
    page = (await inside.browser.get(ONE)).text
    assert "120 (default) → 60" in page
    assert "Go back to the default" in page
    assert ">Changed</span>" in (await inside.browser.get("/settings")).text
    await inside.send(ONE, {"value": "30", "version": "1"})
    assert (await inside.send(f"{ONE}/undo", {"to": "1", "version": "2"})).status_code == 303
    assert "30 → 60" in (await inside.browser.get(ONE)).text
    assert (await inside.send(f"{ONE}/reset", {"version": "3"})).status_code == 303
    assert "60 → 120 (default)" in (await inside.browser.get(ONE)).text


async def test_what_was_typed_stays_with_what_is_wrong_with_it(inside: Site):
    refused = await inside.send(ONE, {"value": "<soon>", "version": "0"})
    assert refused.status_code == 422
    assert 'value="&lt;soon&gt;"' in refused.text
    assert "A whole number is needed" in refused.text


async def test_somebody_elses_change_is_not_overwritten(inside: Site):
    await inside.send(ONE, {"value": "60", "version": "0"})
    for version in ("0", "", "x", "9" * 30):
        late = await inside.send(ONE, {"value": "30", "version": version})
        assert late.status_code == 409
        assert "What holds now is 60" in late.text
    assert (await inside.send(f"{ONE}/reset", {"version": "0"})).status_code == 409
    assert (await inside.send(f"{ONE}/undo", {"to": "0", "version": "0"})).status_code == 409


async def test_what_is_no_platform_setting_has_no_form(inside: Site):
    assert (await inside.browser.get("/settings/server.domain")).status_code == 409
    assert (await inside.browser.get("/settings/none.such")).status_code == 404


async def test_one_of_several_words_is_chosen_from_a_list(inside: Site):
    page = (await inside.browser.get("/settings/deploy.largest_size")).text
    assert '<option value="large" selected>' in page
    assert '<option value="small">' in page
    assert "<option" not in (await inside.browser.get(ONE)).text
