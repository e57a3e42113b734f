// A signature drawn in a form: lines of points from 0 to 1, kept in its field `strokes`. Without this the name is typed.
"use strict"

for (const box of document.querySelectorAll("[data-signature]")) {
  const form = box.closest("form")
  const canvas = box.querySelector("canvas")
  const pen = canvas.getContext("2d")
  const field = form.elements.namedItem("strokes")
  const MOST_LINES = 200
  const MOST_POINTS = 5000
  let strokes = []
  let line = null

  const restore = () => {
    try { strokes = JSON.parse(field.value || "[]") } catch { strokes = [] }
  }

  const paint = () => {
    const ratio = window.devicePixelRatio || 1
    canvas.width = canvas.clientWidth * ratio
    canvas.height = canvas.clientHeight * ratio
    pen.strokeStyle = getComputedStyle(canvas).color
    pen.lineWidth = 2.5 * ratio
    pen.lineCap = pen.lineJoin = "round"
    for (const points of strokes) {
      pen.beginPath()
      for (const [x, y] of points) pen.lineTo(x * canvas.width, y * canvas.height)
      pen.stroke()
    }
  }

  const within = value => Math.round(Math.min(Math.max(value, 0), 1) * 10000) / 10000

  const add = event => {
    if (strokes.reduce((sum, points) => sum + points.length, 0) >= MOST_POINTS) return
    const place = canvas.getBoundingClientRect()
    line.push([within((event.clientX - place.left) / place.width), within((event.clientY - place.top) / place.height)])
  }

  const keep = () => {
    field.value = strokes.length ? JSON.stringify(strokes) : ""
    const drawn = form.querySelector('[name="method"][value="drawn"]')
    if (drawn && strokes.length) drawn.checked = true
  }

  canvas.addEventListener("pointerdown", event => {
    event.preventDefault()
    if (strokes.length >= MOST_LINES) return
    canvas.setPointerCapture(event.pointerId)
    line = []
    strokes.push(line)
    add(event)
    paint()
  })
  canvas.addEventListener("pointermove", event => {
    if (!line) return
    for (const one of event.getCoalescedEvents?.() ?? [event]) add(one)
    paint()
  })
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { line = null; keep() })
  }
  box.querySelector("button").addEventListener("click", () => { strokes = []; keep(); paint() })
  addEventListener("resize", paint)

  box.hidden = false
  restore()
  paint()
}
