import { openWords } from '@guitai/kit'
import { cashier } from '@guitai/kit/words/cashier'
import { createApp } from 'vue'
import App from './App.vue'
import { router } from './router'
import { openSession } from './state/session'

openWords(cashier)
void openSession()
createApp(App).use(router).mount('#app')
