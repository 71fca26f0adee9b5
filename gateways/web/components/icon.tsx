const paths = {
  add: 'M12 5v14M5 12h14',
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  delete: 'M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5',
  down: 'M12 5v14M6 13l6 6 6-6',
  edit: 'M5 19l1-4L16 5l3 3L9 18zM14 7l3 3',
  info: 'M12 11v6M12 7.5v.5M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z',
  leave: 'M14 5H6v14h8M11 12h10M17 8l4 4-4 4',
  pin: 'M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v5',
  react: 'M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.5M15 9.5v.5',
  reply: 'M10 6l-6 6 6 6M4 12h10a6 6 0 0 1 6 6v1',
  send: 'M4 12l16-8-5 16-3.5-6.5z',
  people:
    'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.200.8 3.5 2.600 3.5 5.5',
  check: 'M5 12.5l5 5L20 7',
} as const;

export type IconName = keyof typeof paths;

/** Says nothing by itself: its button has the name. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

type ButtonProps = {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: (event: MouseEvent) => void;
  readonly expanded?: boolean;
  readonly pressed?: boolean;
};

export function IconButton({ icon, label, onClick, expanded, pressed }: ButtonProps) {
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      aria-expanded={expanded}
      aria-pressed={pressed}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
