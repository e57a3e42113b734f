// Keys of the desk, and pages opened in the rows of its lists. Without it the same links and forms lead to pages.
"use strict"

const isTyping = one => one?.closest("input, select, textarea, [contenteditable]")

// One key leads to the entry of the menu that names it, while nothing has the focus that takes letters.
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return
  const way = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`)
  if (way) {
    event.preventDefault()
    way.click()
  }
})

const close = place => {
  if (!place?.hasChildNodes()) return
  place.replaceChildren()
  document.querySelector(`[hx-target="#${CSS.escape(place.id)}"]`)?.focus()
}

document.addEventListener("click", event => {
  if (event.target.closest("[data-close]")) close(event.target.closest(".place"))
})

document.addEventListener("keydown", event => {
  if (event.key === "Escape") close(event.target.closest?.("li")?.querySelector(".place"))
})

// One row is open at a time, so that no two forms have fields of the same name on one page.
document.addEventListener("htmx:beforeSwap", event => {
  const { target, xhr } = event.detail
  const asked = new URL(event.detail.pathInfo.finalRequestPath, location.href)
  if (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked.pathname) {
    event.detail.shouldSwap = false // signed out meanwhile
    location.reload()
  } else if (target.matches(".place")) {
    for (const other of document.querySelectorAll(".place")) if (other !== target) other.replaceChildren()
  }
})
