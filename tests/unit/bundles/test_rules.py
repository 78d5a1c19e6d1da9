from stead.bundles import rules


def test_a_name_is_free_when_no_member_has_it():
    assert rules.free_name("pair", ["one", "two"], set()) == "pair"
    assert rules.free_name("pair", ["one", "two"], {"pair-two"}) == "pair-2"
    assert rules.free_name("pair", ["one"], {"pair", "pair-2-one"}) == "pair-3"
