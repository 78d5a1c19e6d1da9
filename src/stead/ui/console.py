"""Renders pages: one template environment over the folders that the domains bring."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from stead.kit import clock
from stead.ui import languages, text
from stead.ui.assets import Assets
from stead.ui.marking import PlainTexts
from stead.ui.models import Viewer

TEMPLATES: Final = Path(__file__).parent / "templates"
CSRF_FIELD: Final = "csrf"
THEME_COOKIE: Final = "stead-theme"
LANGUAGE_COOKIE: Final = "stead-language"
_THEMES: Final = frozenset({"light", "dark"})


class Console:
    """Turns a template and typed values into a page."""

    def __init__(self, folders: Mapping[str, Path], assets: Assets, banner: str = "") -> None:
        """Take the domains' folders; the banner, if any, stands on top of every page."""
        self.assets = assets
        loaders = {name: FileSystemLoader(folder) for name, folder in folders.items()}
        self._environment = Environment(
            loader=PrefixLoader({"ui": FileSystemLoader(TEMPLATES), **loaders}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=("jinja2.ext.i18n", PlainTexts),
            finalize=languages.said,
        )
        self._environment.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
            languages.translate, _plural, newstyle=True
        )
        self._environment.globals.update(
            static=assets.url, csrf_field=_csrf_field, banner=banner, _said=languages.said
        )
        self._environment.filters.update(
            age=lambda moment: text.age(moment, clock.utc_now()),
            utc=text.utc,
            memory=text.memory,
            paragraphs=text.paragraphs,
            ours=languages.ours,
        )

    def page(
        self,
        request: Request,
        template: str,
        *,
        viewer: Viewer | None,
        status: int = 200,
        **values: object,
    ) -> HTMLResponse:
        """Return a rendered page for whoever looks at it."""
        theme = request.cookies.get(THEME_COOKIE, "")
        language = spoken(request)
        with languages.speaking(language):
            html = self._environment.get_template(template).render(
                viewer=viewer,
                theme=theme if theme in _THEMES else "",
                path=request.url.path,
                language=language.code,
                words=_words(self.assets, language),
                **values,
            )
        return HTMLResponse(
            html,
            status_code=status,
            headers={"Content-Language": language.code, "Vary": "Accept-Language, Cookie"},
        )


def spoken(request: Request) -> languages.Language:
    """Return the language for whoever sent a request: chosen before, or accepted most."""
    preferred = request.cookies.get(LANGUAGE_COOKIE, "")
    return languages.choose(request.headers.get("accept-language", ""), preferred)


def _plural(one: str, many: str, count: int) -> str:
    return languages.translate(one if count == 1 else many)


def _words(assets: Assets, language: languages.Language) -> str:
    """Return the messages that scripts show, for them to look up; English needs none."""
    if not language.messages:
        return ""
    return json.dumps({one: language.messages.get(one, one) for one in assets.words})


@pass_context
def _csrf_field(context: Context) -> Markup:
    """Return the hidden field that every form has to carry."""
    viewer: Viewer | None = context["viewer"]
    token = viewer.csrf if viewer is not None else ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, token)


async def form_texts(request: Request) -> dict[str, str]:
    """Return a form's text fields without the CSRF token; of equal names the last one wins."""
    form = await request.form()
    return {
        name: value
        for name, value in form.multi_items()
        if isinstance(value, str) and name != CSRF_FIELD
    }
