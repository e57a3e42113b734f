// The key that the field names goes to it from anywhere but a field (a scanner may send it before each code); arrows
// walk the results.
"use strict"
{
  const field = document.getElementById("search-words")
  const live = document.getElementById("search-live")
  const isWrittenIn = one => one.isContentEditable || one.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=submit], [type=button])")

  const walk = step => {
    const stops = [field, ...live.querySelectorAll("a")]
    stops[stops.indexOf(document.activeElement) + step]?.focus()
  }

  addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === field.dataset.key && !isWrittenIn(event.target)) {
      event.preventDefault()
      field.focus()
      field.select()
    } else if (field.form.contains(event.target)) {
      if (event.key === "Escape") { live.replaceChildren(); field.focus() }
      if (event.key === "ArrowDown") { event.preventDefault(); walk(1) }
      if (event.key === "ArrowUp") { event.preventDefault(); walk(-1) }
    }
  })
}
