from stead.catalog.proving.leftovers import leftovers

BEFORE = {"file": {"/etc/hosts": "a", "/etc/old": "x"}, "user": {"root": "r"}, "port": {}}


def test_what_is_left_gone_or_changed_is_told():
    after = {
        "file": {"/etc/hosts": "b", "/srv/app": "x"},
        "user": {"root": "r", "app": "u"},
        "port": {"tcp 80": "open"},
    }
    assert leftovers(BEFORE, after, []) == [
        "changed: file /etc/hosts",
        "gone: file /etc/old",
        "left: file /srv/app",
        "left: user app",
        "left: port tcp 80",
    ]


def test_the_allow_list_covers_what_it_names_and_no_more():
    after = {**BEFORE, "file": {**BEFORE["file"], "/srv/app": "x", "/srv/other": "x"}}
    assert leftovers(BEFORE, after, ["file /srv/app"]) == ["left: file /srv/other"]


def test_the_package_managers_own_notes_are_no_leftovers():
    after = {**BEFORE, "file": {**BEFORE["file"], "/var/lib/dpkg/info/x.list": "x"}}
    assert leftovers(BEFORE, after, []) == []
