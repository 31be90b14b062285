import { openWords } from '@guitai/kit'
import { hq } from '@guitai/kit/words/hq'
import { createApp } from 'vue'
import App from './App.vue'
import { router } from './router'
import { openSession } from './state/session'

openWords(hq)
void openSession()
createApp(App).use(router).mount('#app')
