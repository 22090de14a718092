"""How an open page takes over what was read anew (static/budgetsite/renewal.js), in a browser without any server."""

from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.browser

SCRIPT = settings.BASE_DIR / "budgetsite" / "static" / "budgetsite" / "renewal.js"

# Renews the page's main part from HTML; returns what is seen of it.
RENEW = """html => {
    const fresh = new DOMParser().parseFromString(`<main id="main">${html}</main>`, "text/html");
    const shown = document.getElementById("main");
    const { isChanged, isHeldBack } = budgetsiteRenew(shown, fresh.getElementById("main"));
    return [shown.innerText.split(/\\s*\\n\\s*/).map((line) => line.trim()).filter(Boolean), isChanged, isHeldBack];
}"""

# Random trees with and without ids, renewed from each other: the number of those that do not come out as they should.
RANDOM = """rounds => {
    let seed = 7;
    const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
    const tree = (depth, ids) => Array.from({ length: random(6) }, () => {
        const kind = random(4);
        if (kind === 0 || !depth) return ` word${random(4)} `;
        const name = ["div", "section", "ul"][random(3)];
        const id = random(2) && ids.length ? ` id="${ids.splice(random(ids.length), 1)[0]}"` : "";
        return `<${name}${id}${random(3) ? "" : " title=x"}>${tree(depth - 1, ids)}</${name}>`;
    }).join("");
    const made = () => new DOMParser().parseFromString(
        `<main id="main">${tree(3, ["a", "b", "c", "d", "e"])}</main>`, "text/html").getElementById("main");
    let wrong = 0;
    for (let round = 0; round < rounds; round += 1) {
        const shown = document.importNode(made(), true), fresh = made();
        document.body.append(shown);
        budgetsiteRenew(shown, fresh);
        for (const each of [shown, ...shown.querySelectorAll("[class]")]) each.removeAttribute("class");
        shown.normalize();
        fresh.normalize();
        wrong += shown.isEqualNode(fresh) ? 0 : 1;
        shown.remove();
    }
    return wrong;
}"""


CHANGED = "This has changed meanwhile.Show it"


@pytest.fixture
def page(chromium: Any) -> Any:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def show(page: Any, html: str) -> None:
    page.set_content(f'<main id="main">{html}</main>')
    page.add_script_tag(path=SCRIPT)


def test_whatever_was_shown_becomes_what_was_read(page: Any) -> None:
    show(page, "")
    assert page.evaluate(RANDOM, 400) == 0


def test_what_is_equal_stays_the_same_and_nothing_is_said_of_it(page: Any) -> None:
    same = '<ul><li>one</li><li>two</li></ul><details><summary>More</summary>words</details><button id="go">Go</button>'
    show(page, same)
    page.evaluate("window.kept = [...document.querySelectorAll('li')]; document.querySelector('details').open = true")
    page.locator("#go").focus()

    assert page.evaluate(RENEW, same) == [["one", "two", "More", "words", "Go"], False, False]
    grown = same.replace("<ul>", "<ul><li>new</li>").replace("words", "other words").replace(">Go<", ">Go on<")
    assert page.evaluate(RENEW, grown) == [["new", "one", "two", "More", "other words", "Go on"], True, False]

    assert page.evaluate("kept.every((each, index) => each === document.querySelectorAll('li')[index + 1])") is True
    assert page.locator(".live-added").all_inner_texts() == ["new"]
    assert page.evaluate("[document.querySelector('details').open, document.activeElement.id]") == [True, "go"]


def test_a_focus_whose_place_is_gone_goes_to_what_came_there(page: Any) -> None:
    show(page, "<p><button>First</button></p><p><button>Second</button></p><p><button>Third</button></p>")
    page.get_by_role("button", name="Second").focus()

    page.evaluate(RENEW, "<p><button>First</button></p><p><button>Third</button></p>")

    assert page.evaluate("document.activeElement.textContent") == "Third"


@pytest.mark.parametrize(
    ("shown", "work", "read", "seen"),
    [
        pytest.param(
            '<form><input name="note"> on one</form><p>1</p>', "document.querySelector('input').focus()",
            '<form><input name="note"> on two</form><p>2</p>', ["on one", CHANGED, "2"],
            id="a field with the focus",
        ),
        pytest.param(
            '<table><tr id="row"><td><input type="checkbox"></td><td>1</td></tr><tr id="other"><td>1</td></tr></table>',
            "document.querySelector('input').checked = true",
            '<table><tr id="other"><td>2</td></tr></table>', ["1", "This is gone meanwhile.Take it away", "2"],
            id="a ticked row that is gone",
        ),
        pytest.param(
            "<p>alpha</p><p>beta</p>", "getSelection().selectAllChildren(document.querySelector('p'))",
            "<p>gamma</p><p>delta</p>", ["alpha", CHANGED, "delta"],
            id="selected words",
        ),
        pytest.param(
            '<dialog open>Sure?</dialog><p>1</p>', "null",
            '<dialog>Sure?</dialog><p>2</p>', ["Sure?", CHANGED, "2"],
            id="an open dialog",
        ),
    ],
)  # fmt: skip
def test_what_somebody_works_on_is_left_to_them_with_a_word(
    page: Any, shown: str, work: str, read: str, seen: list[str]
) -> None:
    show(page, shown)
    page.evaluate(work)

    assert page.evaluate(RENEW, read) == [seen, True, True]
    # The same again says it once; what they chose to see is what was read.
    assert page.evaluate(RENEW, read) == [seen, False, False]
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator(".live-meanwhile button").click()
    page.evaluate("getSelection().removeAllRanges(); document.activeElement.blur()")
    words = page.evaluate(RENEW, read)[0]
    assert [word for word in words if "meanwhile" in word] == []


def test_offers_to_undo_stay_and_what_was_loaded_later_is_not_touched(page: Any) -> None:
    show(
        page, '<div id="late" data-live-keep>loaded</div><ul id="list"><li id="a" data-live-stay>Undo</li></ul><p>1</p>'
    )

    seen = page.evaluate(RENEW, '<p id="late" data-live-keep>later</p><ul id="list"></ul><p>2</p>')

    assert seen == [["loaded", "Undo", "2"], True, False]
