// A reservation dragged onto the row of another device is sent as its page's form would be: the same verb, the same no.
"use strict"

addEventListener("pageshow", event => { if (event.persisted) location.reload() }) // one key, one form

const form = document.getElementById("move")
const table = document.querySelector(".timeline table")
let dragged = null

const rowAt = event => {
  const row = event.target.closest("tr[data-device]")
  return dragged && row && row.dataset.device !== dragged.closest("tr").dataset.device ? row : null
}

const mark = row => {
  for (const one of table.querySelectorAll("tr.drop")) one.classList.remove("drop")
  if (row) for (const lane of table.querySelectorAll(`tr[data-device="${row.dataset.device}"]`)) lane.classList.add("drop")
}

const start = event => {
  dragged = event.target.closest("[data-move]")
  if (!dragged) return
  event.dataTransfer.effectAllowed = "move"
  event.dataTransfer.setDragImage(dragged, event.offsetX, event.offsetY)
  dragged.classList.add("dragged")
}

const over = event => {
  const row = rowAt(event)
  mark(row)
  if (row) event.preventDefault()
}

const drop = event => {
  const row = rowAt(event)
  if (!row) return
  event.preventDefault()
  form.action = dragged.dataset.move
  form.elements.device.value = row.dataset.device
  const said = document.getElementById("moving")
  said.textContent = said.dataset.words
  form.submit()
}

const end = () => {
  mark(null)
  dragged?.classList.remove("dragged")
  dragged = null
}

if (form) {
  table.addEventListener("dragstart", start)
  table.addEventListener("dragenter", over)
  table.addEventListener("dragover", over)
  table.addEventListener("drop", drop)
  table.addEventListener("dragend", end)
}
