// Collecting, without its looks. An attempt is one Idempotency-Key: it is sent again, as it was, until there is an
// answer, so a lost answer never becomes a second charge. Codes live here for the length of the attempt only.
import { api, LinkError, ProblemError, type ChargeRequest, type Payment, type ScanEvent } from '@guitai/api'
import { classify, isOpen, oneLine, plainYuan, play, readAmount, toneOf, type AmountFault, type CodeFault } from '@guitai/kit'
import { computed, reactive, readonly, shallowRef, watch } from 'vue'
import { newer, newKey, upsert } from './book'
import { line, payments, reopened } from './live'
import { till } from './session'

/** Short, so that the customer is told to confirm at once; the rest comes by event. */
const WAIT_MS = 1_000
const RESEND_PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000]
const RECENT = 10
const POLL_DOWN_MS = 2_000
const POLL_UP_MS = 5_000
/** The echo of the Enter that submitted must not dismiss the answer. */
const DISMISS_GUARD_MS = 600
export const SUCCESS_SHOWN_MS = 3_000

interface Attempt { key: string; request: ChargeRequest; tries: number; stopped: boolean }
/** A payment code behind a box's token. */
type Scanned = Extract<ScanEvent, { token: string }>

const form = reactive({
  amount: '',
  code: '',
  scan: null as Scanned | null,
  remark: '',
  /** The attempt that this one repeats, and its sum: with another sum it is another sale. */
  repeats: null as { order_no: string; fen: number } | null,
  amountFault: null as AmountFault | null,
  codeFault: null as CodeFault | null,
  problem: null as unknown,
  gotCode: false,
})
const attempt = shallowRef<Attempt | null>(null)
const current = shallowRef<Payment | null>(null)
const recent = shallowRef<Payment[]>([])
const told = reactive({
  mustWait: false,
  /** The box read a code while another program was in front, and nobody took it. */
  behind: false,
  actionFault: null as unknown,
  acting: false,
})
let finalSince = 0

/** Where the focus belongs next; the screen watches it. */
const focus = reactive({ on: 'amount' as 'amount' | 'code' | 'result', turn: 0 })

function focusOn(on: 'amount' | 'code' | 'result'): void {
  focus.on = on
  focus.turn += 1
}

const phase = computed(() => (attempt.value !== null || current.value !== null ? 'result' : 'form'))
/** No result yet: this customer must not be charged again. */
const waiting = computed(() => attempt.value !== null || current.value?.state === 'pending' || current.value?.state === 'unknown')

/** Firmly no money here (or on its way back), so the same customer may be charged again. */
const mayChargeAgain = computed(() => current.value?.kind === 'charge' && ['declined', 'closed', 'reversing'].includes(current.value.state))

function see(payment: Payment): void {
  recent.value = upsert(recent.value, payment).slice(0, RECENT)
  if (current.value?.order_no === payment.order_no) current.value = newer(current.value, payment)
}

watch(() => (current.value === null ? null : `${current.value.order_no} ${current.value.state}`), (now) => {
  if (now === null || current.value === null) return
  finalSince = performance.now()
  told.mustWait = false
  play(toneOf(current.value))
  focusOn('result')
})

function submit(): void {
  if (attempt.value !== null || phase.value === 'result') return
  told.behind = false
  form.problem = null
  form.gotCode = false
  const amount = readAmount(form.amount)
  form.amountFault = amount.ok ? null : amount.fault
  form.codeFault = null
  if (!amount.ok) {
    focusOn('amount')
    return
  }
  const request: ChargeRequest = { amount_fen: amount.fen, wait_ms: WAIT_MS }
  if (form.scan !== null) {
    request.scan = form.scan.token
  } else {
    const found = classify(form.code)
    if (found.kind !== 'payment_code') {
      form.codeFault = found.kind
      focusOn('code')
      return
    }
    request.auth_code = found.code
  }
  if (till.value !== undefined) request.till = till.value
  if (form.repeats !== null && form.repeats.fen === amount.fen) request.retry_of = form.repeats.order_no
  const remark = oneLine(form.remark)
  if (remark !== '') request.fields = { remark }
  attempt.value = { key: newKey(), request, tries: 0, stopped: false }
  told.mustWait = false
  focusOn('result')
  void send()
}

function firm(fault: unknown): fault is ProblemError {
  return fault instanceof ProblemError && (fault.status < 500 || fault.code === 'not_accepting') && fault.status !== 401
}

async function send(): Promise<void> {
  for (;;) {
    const mine = attempt.value
    if (mine === null) return
    try {
      const payment = await api.charge(mine.request, mine.key)
      attempt.value = null
      clearForm()
      current.value = newer(recent.value.find((row) => row.order_no === payment.order_no), payment)
      see(payment)
      return
    } catch (fault) {
      if (firm(fault)) {
        attempt.value = null
        refuse(fault)
        return
      }
      const pause = fault instanceof LinkError || (fault as ProblemError).status !== 401 ? RESEND_PAUSES_MS[mine.tries] : undefined
      attempt.value = { ...mine, tries: mine.tries + 1, stopped: pause === undefined }
      if (pause === undefined) {
        play('attention')
        return
      }
      await new Promise((resume) => setTimeout(resume, pause))
    }
  }
}

function resend(): void {
  const mine = attempt.value
  if (mine === null || !mine.stopped) return
  attempt.value = { ...mine, tries: 0, stopped: false }
  void send()
}

function refuse(fault: ProblemError): void {
  form.problem = fault
  play('bad')
  const aboutAmount = fault.field === 'amount_fen' || fault.code.startsWith('amount_')
  if (!aboutAmount) {
    form.code = ''
    form.scan = null
  }
  focusOn(aboutAmount ? 'amount' : 'code')
}

function clearForm(): void {
  form.amount = ''
  form.code = ''
  form.scan = null
  form.remark = ''
  form.repeats = null
  form.amountFault = null
  form.codeFault = null
  form.problem = null
  form.gotCode = false
}

/** The next bill. Refused while a request has no answer; by key or click only once the result could be seen. */
function next(firstDigits = '', how: 'key' | 'place' = 'key'): void {
  if (attempt.value !== null) {
    told.mustWait = true
    return
  }
  if (how === 'key') {
    if (waiting.value) {
      told.mustWait = true
      return
    }
    if (performance.now() - finalSince < DISMISS_GUARD_MS && firstDigits === '') return
  }
  // Also what stood half typed in the form: the key means a new bill.
  clearForm()
  current.value = null
  told.mustWait = false
  told.behind = false
  told.actionFault = null
  if (firstDigits !== '') form.amount = firstDigits
  focusOn('amount')
}

/** The same sum once more with a new code: a new payment with a number and a key of its own. */
function again(): void {
  const payment = current.value
  if (payment === null || attempt.value !== null || !mayChargeAgain.value) return
  next('', 'place')
  form.amount = plainYuan(payment.amount_fen)
  form.repeats = { order_no: payment.order_no, fen: payment.amount_fen }
  focusOn('code')
}

/** A scanner gun anywhere on the page. */
function scannedText(text: string): void {
  if (waiting.value) {
    told.mustWait = true
    return
  }
  if (current.value !== null) next('', 'place')
  form.scan = null
  form.code = text
  form.problem = null
  const found = classify(form.code)
  form.codeFault = found.kind === 'payment_code' ? null : found.kind
  if (found.kind !== 'payment_code') {
    play('bad')
    focusOn('code')
    return
  }
  codeHere()
}

/** A scan box at this till, and this page is the one in front: the node keeps the code, we get a token. */
function scannedToken(event: ScanEvent): void {
  told.behind = false
  if (waiting.value) {
    told.mustWait = true
    return
  }
  if (current.value !== null) next('', 'place')
  form.code = ''
  form.problem = null
  if ('refused' in event) {
    form.scan = null
    form.codeFault = event.refused
    play('bad')
    focusOn('code')
    return
  }
  form.codeFault = null
  form.scan = event
  codeHere()
}

/** This page was the last one used, and is not in front: whoever looks next must know that nothing was charged. */
function scannedBehind(event: ScanEvent): void {
  if ('refused' in event || waiting.value) return
  told.behind = true
  play('attention')
}

function codeHere(): void {
  const amount = readAmount(form.amount)
  if (amount.ok) {
    submit()
    return
  }
  // The code waits; an amount that stands there wrongly is told, not taken for missing.
  form.gotCode = true
  form.amountFault = amount.fault === 'empty' ? null : amount.fault
  focusOn('amount')
}

function show(payment: Payment): void {
  if (attempt.value !== null) return
  current.value = payment
  told.actionFault = null
  void ask(payment.order_no)
}

async function act(what: 'cancel' | 'handedOver' | 'notHandedOver'): Promise<void> {
  const payment = current.value
  if (payment === null || told.acting) return
  told.acting = true
  told.actionFault = null
  const key = newKey()
  try {
    for (let tries = 0; ; tries += 1) {
      try {
        see(await api[what](payment.order_no, key))
        return
      } catch (fault) {
        const pause = RESEND_PAUSES_MS[tries]
        if (!(fault instanceof LinkError) || pause === undefined) throw fault
        await new Promise((resume) => setTimeout(resume, pause))
      }
    }
  } catch (fault) {
    told.actionFault = fault
    void ask(payment.order_no)
  } finally {
    told.acting = false
  }
}

async function ask(orderNo: string): Promise<void> {
  try { see(await api.payment(orderNo)) } catch { /* asked again soon */ }
}

async function loadRecent(): Promise<void> {
  try {
    const page = await api.payments({ limit: RECENT })
    let rows = page.items
    for (const row of recent.value) rows = upsert(rows, row)
    recent.value = rows.slice(0, RECENT)
    for (const row of page.items) see(row)
  } catch { /* the list keeps what it has */ }
}

/** Runs while somebody is logged in. Events bring the news; asking makes sure. */
export function startCharge(): () => void {
  const stops = [payments.on(see), reopened.on(() => void loadRecent())]
  let timer: ReturnType<typeof setTimeout>
  function later(): void {
    timer = setTimeout(() => {
      const open = [current.value, ...recent.value].filter((row): row is Payment => row !== null && isOpen(row.state))
      for (const orderNo of new Set(open.map((row) => row.order_no))) void ask(orderNo)
      if (line.value !== 'open') void loadRecent()
      later()
    }, line.value === 'open' ? POLL_UP_MS : POLL_DOWN_MS)
  }
  void loadRecent()
  later()
  return () => {
    clearTimeout(timer)
    for (const stop of stops) stop()
    recent.value = []
    if (attempt.value === null) {
      current.value = null
      clearForm()
    }
  }
}

export const charge = {
  form, told, focus: readonly(focus), attempt, current, recent, phase, waiting, mayChargeAgain,
  submit, again, resend, next, show, act, scannedText, scannedToken, scannedBehind, focusOn,
}
