"""The canary's list of secrets follows from the API's document."""

from tests.support.asked_secrets import Document, Place, texts

SCHEMAS = {
    "Login": {"properties": {"name": {"type": "string"}, "password": {"type": "string"}}},
    "Odd": {"properties": {"pin": {"type": "string", "format": "password"}}},
    "Many": {"properties": {"tasks": {"items": {"$ref": "#/components/schemas/Open"}}}},
    "Open": {"properties": {"inputs": {"type": "object"}}},
    "Made": {"properties": {"id": {}, "token": {"anyOf": [{"type": "string"}, {}]}}},
}


def document(sent: str, answered: str, method: str = "post") -> Document:
    def holder(name: str) -> dict[str, object]:
        return {"content": {"application/json": {"schema": {"$ref": f"#/x/schemas/{name}"}}}}

    operation = {"requestBody": holder(sent), "responses": {"201": holder(answered)}}
    paths = {"/a/{id}": {method: operation}}
    return Document({"paths": paths, "components": {"schemas": SCHEMAS}})


def test_what_is_called_or_declared_a_secret_is_one():
    assert document("Login", "Odd").places() == {
        Place("POST", "/a/{id}", "password"),
        Place("POST", "/a/{id}", "pin", answered=True),
    }
    assert document("Odd", "Login").places() == {
        Place("POST", "/a/{id}", "pin"),
        Place("POST", "/a/{id}", "password", answered=True),
    }


def test_what_packages_ask_for_is_one_however_deep_it_lies():
    assert Place("POST", "/a/{id}", "tasks.inputs") in document("Many", "Made").places()


def test_what_is_shown_once_is_one_and_what_is_only_read_is_none():
    assert Place("POST", "/a/{id}", "token", answered=True) in document("Open", "Made").places()
    assert document("Login", "Made", "get").places() == {Place("GET", "/a/{id}", "password")}


def test_an_address_is_of_the_path_that_says_it_best():
    both = Document({"paths": {"/a/{id}": {}, "/a/b": {}}})
    assert [both.path_of(one) for one in ("/a/b", "/a/c?x=1", "/a/c/d")] == ["/a/b", "/a/{id}", ""]


def test_texts_are_found_wherever_they_lie():
    body = {"name": "a", "inputs": {"password": "b"}, "codes": ["c", "d"], "n": 1}
    assert list(texts(body)) == [
        ("name", "a"),
        ("inputs.password", "b"),
        ("codes", "c"),
        ("codes", "d"),
    ]
