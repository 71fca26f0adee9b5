/** The text of a form's field, without the blanks around it. */
export const fieldOf = (form: HTMLFormElement, name: string): string => rawFieldOf(form, name).trim();

/** As it was typed: blanks of a password are its own. */
export const rawFieldOf = (form: HTMLFormElement, name: string): string => {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
};
