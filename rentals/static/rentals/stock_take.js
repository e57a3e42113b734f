// Scans one after the other, however fast they come: the field is empty and ready before the server has answered.
"use strict"
{
  const form = document.getElementById("scan")
  const field = form?.elements.code
  let last = Promise.resolve()

  const say = words => {
    const line = document.createElement("p")
    line.className = "scan-said alarm"
    line.textContent = words
    document.getElementById("said").replaceChildren(line)
  }

  const show = text => {
    const answer = new DOMParser().parseFromString(text, "text/html")
    for (const id of ["said", "count"]) document.getElementById(id).replaceChildren(...answer.getElementById(id).childNodes)
  }

  const send = async entries => {
    try {
      const answer = await fetch(form.action, { method: "POST", body: entries, headers: { "HX-Request": "true" } })
      const text = await answer.text()
      if (answer.redirected || answer.status >= 500 || !text.includes('id="count"')) throw new Error(answer.status)
      show(text)
    } catch {
      say(`${entries.get("code")} was not counted: the desk did not answer. Scan it again, or reload the page.`)
    }
  }

  form?.addEventListener("submit", event => {
    event.preventDefault()
    const entries = new FormData(form)
    if (!field.value.trim()) return
    field.value = ""
    field.focus()
    last = last.then(() => send(entries))
  })

  field?.focus()
}
