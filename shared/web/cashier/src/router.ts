import { createRouter, createWebHistory } from 'vue-router'
import Collect from './screens/Collect.vue'

// Collecting comes with the page; the rest is fetched when first wanted.
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', redirect: '/collect' },
    { path: '/collect', name: 'collect', component: Collect },
    { path: '/query', name: 'query', component: () => import('./screens/Query.vue') },
    { path: '/totals', name: 'totals', component: () => import('./screens/Totals.vue') },
    { path: '/reverse', name: 'reverse', component: () => import('./screens/Reverse.vue') },
    { path: '/notices', name: 'notices', component: () => import('./screens/Notices.vue') },
    { path: '/:rest(.*)*', redirect: '/collect' },
  ],
})
