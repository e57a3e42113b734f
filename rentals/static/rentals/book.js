// Keys of the booking page, for whoever books without the mouse: each works only where it is said, in this form.
"use strict"

const form = document.getElementById("booking")
const words = form.elements.words
const questions = [...form.querySelectorAll(".warning")]

// The answer is given with one key on the question that has the focus; a yes leads to its note, a no to the next one.
const answer = (question, value) => {
  const radio = question.querySelector(`input[type=radio][value="${value}"]`)
  radio.checked = true
  radio.dispatchEvent(new Event("change", { bubbles: true }))
  const next = questions[questions.indexOf(question) + 1]
  const goal = value === "yes" ? question.querySelector("textarea") : next?.querySelector("input:checked, input") ?? form.elements.starts_on
  goal.focus()
}

form.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    form.requestSubmit(document.getElementById("book"))
  } else if (event.key === "Enter" && event.target === words) {
    event.preventDefault() // the first who was found; not the form
    form.querySelector("#found input")?.focus()
  } else if (event.target.matches(".warning input[type=radio]") && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const value = { n: "no", y: "yes" }[event.key.toLowerCase()]
    if (value) {
      event.preventDefault()
      answer(event.target.closest(".warning"), value)
    }
  }
})

if (words && !document.querySelector("main [role=alert]")) words.focus()
