"""Renders views to HTML."""

from collections.abc import Mapping
from urllib.parse import urlencode

from markupsafe import Markup

from idp.pages.checker import CheckerView, policy, script
from idp.pages.citizen_view import CitizenCopyView, CitizenDoorView, CitizenEnteredView, CitizenErasureView, CitizenView
from idp.pages.compiled_pages import compiled
from idp.pages.countries_view import CountriesView, SchemeView
from idp.pages.device_view import DeviceStep, DeviceView
from idp.pages.for_whom_view import ForWhomView
from idp.pages.front_view import FrontView
from idp.pages.headers import SUBMIT_SCRIPT
from idp.pages.inform_view import InformView
from idp.pages.languages import Language
from idp.pages.last_view import LastView, PhoneView
from idp.pages.logout_view import LogoutView
from idp.pages.picker_view import PickerView
from idp.pages.qr_code import qr_code
from idp.pages.static import StaticFile
from idp.pages.switch import LanguageSwitch, at, sealed
from idp.pages.theme import OWN_THEME, Theme
from idp.pages.trial_view import TrialView
from idp.pages.views import (
    ApprovalView,
    BlockedView,
    ErrorView,
    LeavingView,
    PageOwner,
    PostView,
    ReceiptView,
    Towards,
)
from idp.pages.wording import MOVES, Wording, known_code
from policies.registrations.redirects import is_of_an_app

# A host's page before its settings could be read
NOBODY = PageOwner()


class Pages:
    """All pages of one owner in all languages. Its methods may run in any thread."""

    def __init__(self, owner: PageOwner = NOBODY, theme: Theme = OWN_THEME) -> None:
        self._owner, self._theme = owner, theme
        found = compiled()
        self._languages, self._templates, self._digest = found.languages, found.templates, found.digest
        self._said = found.said
        self._names = tuple((tag, one.writing.own_name) for tag, one in found.languages.items())

    @property
    def files(self) -> tuple[StaticFile, ...]:
        """The files that the pages load."""
        return self._theme.files

    @property
    def template_digest(self) -> str:
        """SHA-256 (hex) over all templates and phrases: the version of the pages."""
        return self._digest

    def wording(self, language: str) -> Wording:
        """The wording in this language (a tag from `choose_language`)."""
        return Wording(self._languages[language])

    def front(self, view: FrontView) -> str:
        """Render the page at the bare address."""
        language = self._languages[view.language]
        return self._page("front", language, title=language.say("front.title"), view=view, switch=at(view.address))

    def countries(self, view: CountriesView) -> str:
        """Render what each country offers, in the order of their names."""
        language = self._languages[view.language]
        named = [(language.country(code), [_offered(one, language) for one in schemes]) for code, schemes in view.countries]
        named.sort(key=lambda each: language.sort_key(each[0]))
        title = language.say("countries.title_node" if view.is_node else "countries.title")
        return self._page("countries", language, title=title, view=view, countries=named, switch=at(view.address))

    def picker(self, view: PickerView) -> str:
        """Render the choice of a country, or of an identity provider of one country: a remembered one first."""
        language = self._languages[view.language]
        named = [(language.country(choice.country), choice) for choice in view.countries]
        named.sort(key=lambda each: (language.sort_key(each[0]), language.sort_key(each[1].provider.text)))
        named.sort(key=lambda each: not each[1].remembered)
        for _, choice in named:
            _own(choice.url)
        _own(view.leave or view.cancel)
        if view.address:
            _own(view.address)
        one_country = not view.sought and len(named) > 1 and len({choice.country for _, choice in named}) == 1
        link = view.link("remember=yes&language=" if view.remembering else "language=")
        # What is ticked is kept
        switch = LanguageSwitch(action=view.address, form="choice") if view.optional else LanguageSwitch(link=link)
        title = language.say("picker.title_services" if one_country else "picker.title")
        return self._page(
            "picker",
            language,
            title=title,
            view=view,
            countries=named,
            one_country=one_country,
            switch=switch if view.address else None,
        )

    def approval(self, view: ApprovalView) -> str:
        """Render the question to the citizen: two equal buttons, and no box is ticked."""
        language = self._languages[view.language]
        _own(view.action)
        if view.rewording:
            _own(view.rewording)
        key = "approval.again_title" if view.shortened else "approval.informs_title" if view.informs else "approval.title"
        title = language.say(key, service=view.service.text)
        return self._page("approval", language, title=title, view=view, switch=_question(view.rewording))

    def inform(self, view: InformView) -> str:
        """Render the sending node's page: what goes to another country's node, and two equal buttons."""
        language = self._languages[view.language]
        _own(view.action)
        country = language.country(view.country)
        title = language.say("inform.title", country=country)
        return self._page("inform", language, title=title, view=view, country=country, switch=_question(view.rewording))

    def for_whom(self, view: ForWhomView) -> str:
        """Render the choice of the one for whom the citizen signs in: none is chosen for them."""
        language = self._languages[view.language]
        _own(view.action, view.rewording)
        title, switch = language.say("inform.for_whom"), _question(view.rewording)
        return self._page("for_whom", language, title=title, view=view, switch=switch)

    def blocked(self, view: BlockedView) -> str:
        """Render the end of a login that the policy stops."""
        language = self._languages[view.language]
        service, to_node = view.service.text, view.towards is Towards.NODE
        if view.action:
            _own(view.action)
        elif view.target or view.fields:
            _elsewhere(view.target)
        return self._onward(
            language,
            title=language.say("refused.blocked.title"),
            sentence=language.say(
                "refused.blocked.text_node" if to_node else "refused.blocked.text", service=service, country=service
            ),
            onward=language.say("refused.back_node" if to_node else "refused.back", service=service, country=service),
            target=view.target,
            fields=view.fields,
            at_once=False,
            missing=view.missing,
            action=view.action,
            switch=LanguageSwitch(action=view.rewording, fields=view.fields[:2]) if view.rewording else None,
        )

    @property
    def checker_policy(self) -> str:
        """The Content-Security-Policy of the page that checks receipts."""
        return policy(self._theme.style.content.decode())

    def checker(self, view: CheckerView) -> str:
        """Render the page that checks a receipt, which is one file."""
        language = self._languages[view.language]
        _own(view.path)
        return self._page(
            "checker",
            language,
            title=language.say("check.title"),
            view=view,
            policy=self.checker_policy,
            css=Markup(self._theme.style.content.decode()),  # noqa: S704 - our own files
            script=Markup(script()),  # noqa: S704 - as above
        )

    def phone(self, view: PhoneView) -> str:
        """Render the page of a link to a receipt, on another device."""
        language = self._languages[view.language]
        _own(view.action)
        switch = at(f"{view.action}?{urlencode({'link': view.link})}")
        return self._page("phone", language, title=language.say("receipt.title"), view=view, switch=switch)

    def last(self, view: LastView) -> str:
        """Render the page between the decision and the way to the service, which goes on by itself or stays."""
        language, named = self._languages[view.language], view.service.text
        _own(view.onward, *filter(None, (view.stay, view.receipt, view.file)))
        to_node = view.towards is Towards.NODE
        if view.ending:
            title = language.say(f"refused.{view.ending}.title")
            key = f"refused.{view.ending}.{'text_node' if to_node else 'text'}"
            onward = "refused.back_node" if to_node else "refused.back"
        else:
            title, key, onward = language.say("last.title", service=named), "last.text", "leaving.link"
        return self._page(
            "last",
            language,
            title=title,
            sentence=language.say(key, service=named, country=named),
            onward=language.say(onward, service=named, country=named),
            view=view,
            code=qr_code(view.phone) if view.phone else "",
            switch=LanguageSwitch(link=f"{view.onward.rpartition('/')[0]}/stay?language="),
        )

    def leaving(self, view: LeavingView) -> str:
        """Render the page after an approval, which leads on to the service."""
        _elsewhere(view.target)
        language, service = self._languages[view.language], view.service.text
        return self._onward(
            language,
            title=language.say("leaving.title"),
            sentence=language.say("leaving.text", service=service),
            onward=language.say("leaving.link", service=service),
            target=view.target,
            receipt=view.receipt,
        )

    def post(self, view: PostView) -> str:
        """Render a page that posts a protocol message to a verified address."""
        language = self._languages[view.language]
        _elsewhere(view.target)
        return self._onward(
            language,
            title=language.say(f"post.{view.towards}.title"),
            sentence=language.say(f"post.{view.towards}.text", name=view.name.text),
            onward=language.say("post.button"),
            target=view.target,
            fields=view.fields,
            receipt=view.receipt,
        )

    def device(self, view: DeviceView, again: str = "") -> str:
        """Render a page for whoever stands at a kiosk."""
        language = self._languages[view.language]
        if view.action:
            _own(view.action)
        switch = at(view.action) if view.step is DeviceStep.CODE else sealed(again)
        return self._page("device", language, title=language.say(f"device.{view.step}.title"), view=view, switch=switch)

    def receipt(self, view: ReceiptView) -> str:
        """Render the receipt of an approval in this browser, and links to the other ones of the day."""
        language = self._languages[view.language]
        if view.shown:
            _own(view.forget, view.shown.file, view.shown.key, *([view.ask] if view.ask else []))
        title = language.say("receipt.title" if view.shown else "receipt.none_title")
        return self._page("receipt", language, title=title, view=view, shown=view.shown, switch=at(view.address))

    def trial(self, view: TrialView) -> str:
        """Render the end of a test login."""
        language = self._languages[view.language]
        title = language.say("trial.title", service=view.service.text)
        return self._page("trial", language, title=title, view=view)

    def citizen(self, view: CitizenView | CitizenDoorView) -> str:
        """Render the citizen's page, or the page before a sign-in to it."""
        language, inside = self._languages[view.language], isinstance(view, CitizenView)
        _own(view.sign_in)
        if isinstance(view, CitizenView):
            for path in (view.end, *filter(None, (view.act, view.switch, view.export, view.erase))):
                _own(path)
        title = language.say("me.title" if inside else "me.door_title")
        return self._page("citizen", language, title=title, view=view, inside=inside, switch=at(view.address))

    def citizen_copy(self, view: CitizenCopyView) -> str:
        """Render what is kept about the citizen."""
        language = self._languages[view.language]
        _own(view.file, view.back)
        return self._page("citizen_copy", language, title=language.say("me.copy_title"), view=view, switch=at(view.address))

    def citizen_erasure(self, view: CitizenErasureView) -> str:
        """Render the question whether to erase a person's records, or until when that can be stopped."""
        language = self._languages[view.language]
        _own(view.action, view.back)
        return self._page(
            "citizen_erasure", language, title=language.say("me.erase_title"), view=view, switch=at(view.address)
        )

    def entered(self, view: CitizenEnteredView) -> str:
        """Render the page that leads on to the citizen's page."""
        language = self._languages[view.language]
        _elsewhere(view.target)
        return self._onward(
            language,
            title=language.say("me.entered_title"),
            sentence=language.say("me.entered"),
            onward=language.say("me.onward"),
            target=view.target,
        )

    def logout(self, view: LogoutView, again: str = "") -> str:
        """Render the question whether to sign out, or what became of it."""
        language = self._languages[view.language]
        if view.action:
            _own(view.action)
        for address in (*view.frames, *([view.target] if view.target else [])):
            _elsewhere(address)
        key = "logout.ask_title" if view.action else "logout.title" if view.done else "logout.none_title"
        named = view.service.text if view.service else ""
        onward = language.say("refused.back", service=named) if named else ""
        # The script of a page that goes on by itself posts its first form
        switch = None if view.at_once else sealed(again)
        return self._page(
            "logout", language, title=language.say(key), view=view, onward=onward, script=SUBMIT_SCRIPT, switch=switch
        )

    def error(self, view: ErrorView, again: str = "") -> str:
        """Render an error: what happened, whose move it is, and a reference. `again` is the page, sealed."""
        language = self._languages[view.language]
        code = known_code(view.code)
        if view.back or view.fields:
            _elsewhere(view.back)
        if view.documentation:
            _elsewhere(view.documentation)
        means = [] if view.stronger is None else [(language.country(one[0]), *one[1:]) for one in view.stronger.means]
        means.sort(key=lambda each: (language.sort_key(each[0]), language.sort_key(each[1].text)))
        _own(*filter(None, (view.again, view.leave, view.retry, *(one[2] for one in means))))
        named = view.service.text if view.service else ""
        return self._page(
            "error",
            language,
            title=language.say(f"error.{code}.title"),
            onward=language.say(
                "error.back_node" if view.towards is Towards.NODE else "error.back", service=named, country=named
            )
            if named
            else language.say("error.back_unnamed"),
            view=view,
            code=code,
            move=MOVES[code],
            means=means,
            explained=f"{view.documentation}#{code}" if view.documentation else "",
            switch=sealed(again),
        )

    def _onward(self, language: Language, *, switch: LanguageSwitch | None = None, **parts: object) -> str:
        """Render a page that leads on to a checked address: by link and refresh, or by a posted form."""
        defaults = {"fields": (), "at_once": True, "missing": (), "action": "", "receipt": "", "script": SUBMIT_SCRIPT}
        return self._page("onward", language, switch=switch, **defaults | parts)

    def _page(self, name: str, language: Language, *, switch: LanguageSwitch | None = None, **parts: object) -> str:
        return self._templates[name].render(
            language=language.tag,
            direction=language.direction,
            say=language.say,
            said=self._said[language.tag],
            switch=switch,
            own_name=language.writing.own_name,
            others=self._names if switch and len(self._names) > 1 else (),
            owner=self._owner,
            style=self._theme.style.href,
            logo=self._theme.logo,
            **parts,
        )


def _question(rewording: str) -> LanguageSwitch | None:
    """The switch of a page whose form asks: the form is posted there, in place of its answer."""
    return LanguageSwitch(action=rewording, form="question") if rewording else None


def _own(*paths: str) -> None:
    """Raise ValueError unless they stay on our origin: `//host` and addresses with a scheme lead elsewhere."""
    if not all(path.startswith("/") and not path.startswith(("//", "/\\")) for path in paths):
        raise ValueError("a page's own links and forms must lead to a path of ours")


def _elsewhere(address: str) -> None:
    """Raise ValueError unless the address is on the web or an app's: `javascript:` and `data:` would run as our page."""
    if not address.startswith(("https://", "http://")) and not is_of_an_app(address):
        raise ValueError("a page may lead to web addresses and apps alone")


def _offered(one: SchemeView, language: Language) -> Mapping[str, object]:
    """The words about what one scheme offers."""
    levels = [
        language.say("countries.notified" if notified else "countries.own", level=language.say(f"loa.{level}"))
        for level, notified in one.levels
    ]
    last = language.writing.date(one.last, whole=True) if one.last is not None else language.say("countries.no_last")
    persons = language.writing.listed([language.say(f"countries.{kind}") for kind in one.persons])
    return {"view": one, "persons": persons or language.say("countries.nobody"), "levels": levels, "last": last}
