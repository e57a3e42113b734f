// Today's page asks by itself what is new: each minute and when somebody comes back to it; never while somebody is busy
// in a row, and not while nobody sees it.
"use strict"

const isTyping = one => one?.closest("input, select, textarea, [contenteditable]")

const EVERY = 60_000
const work = document.getElementById("work")
const news = document.getElementById("news")
let asked = Date.now()

const isBusy = () => document.hidden || isTyping(document.activeElement) || work.querySelector(".place > .opened")

const refresh = () => {
  if (isBusy() || Date.now() - asked < 5_000) return
  asked = Date.now()
  htmx.trigger(work, "refresh")
}

setInterval(refresh, EVERY)
addEventListener("focus", refresh)
document.addEventListener("visibilitychange", refresh)

// What changed is said once, as numbers; what has the focus keeps it, by its id or else by the list that it was in.
const counted = () => new Map([...work.querySelectorAll("h2[id]")].map(one => [one.id, one.innerText.replace(/\s+/g, " ")]))
let before = counted()
let at = null

work.addEventListener("htmx:beforeSwap", event => {
  if (event.detail.target !== work) return
  before = counted()
  at = work.contains(document.activeElement) ? document.activeElement.closest("section")?.getAttribute("aria-labelledby") : null
})

work.addEventListener("htmx:afterSwap", event => {
  if (event.detail.target !== work) return
  if (at && document.activeElement === document.body) document.getElementById(at)?.focus({ preventScroll: true })
  const now = counted()
  news.textContent = [...now].filter(([id, words]) => before.get(id) !== words).map(([, words]) => words).join(". ")
})

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false
  button.addEventListener("click", () => print())
}
