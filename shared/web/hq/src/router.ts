import { createRouter, createWebHistory } from 'vue-router'
import Stores from './screens/Stores.vue'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: '/stores' },
    { path: '/stores', name: 'stores', component: Stores },
    { path: '/payments', name: 'payments', component: () => import('./screens/Payments.vue') },
    { path: '/stats', name: 'stats', component: () => import('./screens/Statistics.vue') },
    { path: '/notices', name: 'notices', component: () => import('./screens/Notices.vue') },
    { path: '/:rest(.*)*', redirect: '/stores' },
  ],
})
