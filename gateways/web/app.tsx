import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ConversationView } from './components/conversation-view.tsx';
import { Sidebar } from './components/sidebar.tsx';
import { SignInPage } from './components/sign-in-page.tsx';
import { Toast } from './components/toast.tsx';
import { route } from './route.ts';
import { session } from './session.ts';
import { summaries } from './store.ts';
import { titleOf } from './title.ts';

export function App() {
  return (
    <>
      {session.value ? <Chat key={session.value.user.userId} /> : <SignInPage />}
      <Toast />
    </>
  );
}

function Chat() {
  const id = route.value;
  const title = useComputed(() => {
    const summary = summaries.value?.get(route.value ?? '');
    return summary ? titleOf(summary) : undefined;
  }).value;
  useEffect(() => {
    document.title = title === undefined ? 'Parlance' : `${title} – Parlance`;
  }, [title]);
  const skip = (event: Event) => {
    event.preventDefault();
    document.getElementById('conversation')?.focus();
  };
  return (
    <main class={id === undefined ? 'chat at-list' : 'chat at-conversation'}>
      <h1 class="hidden">{title === undefined ? 'Parlance' : `Parlance: ${title}`}</h1>
      {id !== undefined && (
        <a class="skip" href="#conversation" onClick={skip}>
          Skip to the conversation
        </a>
      )}
      <Sidebar />
      {id === undefined ? (
        <section class="conversation nothing" aria-label="Conversation">
          <p>Choose a conversation, or start one.</p>
        </section>
      ) : (
        <ConversationView key={id} id={id} />
      )}
    </main>
  );
}
